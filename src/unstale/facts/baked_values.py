"""Variables that a front-end build bakes in, against the env files; values are compared and never leave."""

from __future__ import annotations

import re

from unstale.facts.env_files import declarations
from unstale.facts.files import text_of
from unstale.host import Entry, Host
from unstale.project import Frontend

_ENV_NAMES = (".env", ".env.local", ".env.production", ".env.production.local")
_ENV_KEY = re.compile(r"import\.meta\.env\.(VITE_\w+)|process\.env\.(NEXT_PUBLIC_\w+)")
_SHORTEST_VALUE = 6


def unbaked(
    host: Host, frontend: Frontend, inputs: list[Entry], built_ns: int
) -> tuple[tuple[str, ...], str]:
    """Return keys that the sources use and whose value, written after the build, is not in it; Vite's file order."""
    values: dict[str, tuple[str, str]] = {}
    changed = set()
    for name in _ENV_NAMES:
        path = f"{frontend.path}/{name}"
        seen = host.stat(path)
        if seen is None or seen.kind != "file":
            continue
        text = host.read(path).decode("utf-8", "replace")
        for key, value in declarations(text).items():
            values[key] = (value or "", path)
        if min(seen.mtime_ns, seen.ctime_ns) > built_ns:
            changed.add(path)
    if not changed:
        return (), ""
    used = _used_keys(host, frontend, inputs)
    suspects = {
        key: path
        for key, (value, path) in values.items()
        if key in used and path in changed and len(value) >= _SHORTEST_VALUE and "$" not in value
    }
    if not suspects:
        return (), ""
    bundle = _bundle(host, str(frontend.dist))
    missing = tuple(key for key in suspects if values[key][0] not in bundle)
    return missing, suspects[missing[0]] if missing else ""


def _used_keys(host: Host, frontend: Frontend, inputs: list[Entry]) -> set[str]:
    found: set[str] = set()
    for each in inputs:
        if each.path.endswith((".ts", ".tsx", ".js", ".jsx", ".vue", ".svelte", ".html", ".mjs")):
            text = text_of(host, f"{frontend.path}/{each.path}")
            found |= {first or second for first, second in _ENV_KEY.findall(text)}
            found |= set(re.findall(r"%(VITE_\w+)%", text))
    return found


def _bundle(host: Host, dist: str) -> str:
    texts = [
        text_of(host, f"{dist}/{each.path}")
        for each in host.walk(dist)
        if each.kind == "file" and each.path.endswith((".js", ".mjs", ".html", ".css"))
    ]
    return "\n".join(texts)
