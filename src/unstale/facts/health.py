"""Health routes: where they are, and what a body says against its own status."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from unstale.fact import Facts
from unstale.facts.sources import setting_up
from unstale.host import Answer

_BAD = re.compile(r"(?i)^(unhealthy|outdated|error|fail(ed|ing|ure)?|down|degraded|critical)$")
_ROUTE = re.compile(
    r"""@\w+\.(?:get|route|api_route)\(\s*["']([^"'{}<>]*(?:health|ready|alive)[^"'{}<>]*)["']"""
)
_PREFIX = re.compile(r"""APIRouter\([^)]*prefix\s*=\s*["']([^"']*)["']""")
_KNOWN = ("/health", "/health/db", "/healthz", "/ready")


@dataclass(frozen=True, slots=True)
class Health:
    """A health route's answer: `says` is what its body claims against its own 2xx status, or "" when they agree."""

    url: str
    pid: int
    status: int
    says: str


def contradiction(answer: Answer) -> str:
    """Return what a 2xx body says against its status; only the deciding words, never the body."""
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
        return ""
    with suppress(ValueError):
        body: Any = json.loads(answer.body)
        pair = isinstance(body, list) and len(body) == 2  # noqa: PLR2004 - what `return {...}, 500` becomes
        if pair and isinstance(body[0], dict) and isinstance(body[1], int) and body[1] >= 400:  # noqa: PLR2004 - RFC 9110, 15.5
            return f"a JSON array whose second element is {body[1]}"
        if isinstance(body, dict):
            for key in ("status", "state", "health", "healthy", "ok", "database"):
                value = body.get(key)
                if value is False and key in ("healthy", "ok"):
                    return f"{key}: false"
                if isinstance(value, str) and _BAD.match(value):
                    return f"{key}: {value}"
    return ""


def health_routes(facts: Facts) -> tuple[str, ...]:
    """Return the known health routes and those that the back end's source names."""
    found = dict.fromkeys(_KNOWN)
    for backend in facts.project.backends:
        for _, text in facts.shared(setting_up, str(backend.path)):
            prefixes = _PREFIX.findall(text) or [""]
            found |= dict.fromkeys(
                prefix + path for prefix in prefixes for path in _ROUTE.findall(text)
            )
    return tuple(path for path in found if path.startswith("/"))[:12]
