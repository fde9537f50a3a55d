"""What unstale.toml or [tool.unstale] may say; every key is optional."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unstale.errors import UsageError

KEYS: dict[str, tuple[str, ...]] = {
    "project": ("name", "state"),
    "backend": ("path", "app", "python", "env_file", "requirements"),
    "frontend": ("path", "build", "dist", "env"),
    "database": ("url", "migrations"),
    "docker": ("compose",),
    "http": ("urls",),
    "check": ("ignore", "skip"),
    "deploy": (
        *(
            "listen",
            "home",
            "workers",
            "ready",
            "shared",
            "env",
            "server_args",
            "smoke",
            "watch",
            "drain",
        ),
        *("hold_max", "keep", "build", "remote", "log_max", "release_header"),
    ),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The file's tables as plain values; `source` is the file they came from, or None."""

    source: Path | None = None
    project: dict[str, Any] = field(default_factory=dict)
    backends: tuple[dict[str, Any], ...] = ()
    frontends: tuple[dict[str, Any], ...] = ()
    database: dict[str, Any] = field(default_factory=dict)
    docker: dict[str, Any] = field(default_factory=dict)
    http: dict[str, Any] = field(default_factory=dict)
    check: dict[str, Any] = field(default_factory=dict)
    deploy: dict[str, Any] = field(default_factory=dict)


def load(path: Path) -> Settings | None:
    """Read unstale.toml, or [tool.unstale] of a pyproject.toml (None when it has no such table).

    Raises UsageError for broken TOML, an unknown key (naming the nearest) or a value of the wrong kind.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            what=f"cannot read {path}", why=str(error), next="Correct the file."
        ) from None
    if path.name == "pyproject.toml":
        document = document.get("tool", {}).get("unstale")
        if document is None:
            return None
    return _settings(path, document)


def _settings(path: Path, document: dict[str, Any]) -> Settings:
    for table, value in document.items():
        _require_known(path, "table", table, tuple(KEYS))
        rows = value if isinstance(value, list) else [value]
        for row in rows:
            if not isinstance(row, dict):
                _refuse(path, f"{table} is not a table", f"Write [{table}].")
            for key in row:
                _require_known(path, f"key in [{table}]", key, KEYS[table])
    ignore = document.get("check", {}).get("ignore", {})
    if not isinstance(ignore, dict) or not all(
        isinstance(reason, str) and reason for reason in ignore.values()
    ):
        _refuse(
            path,
            "check.ignore needs a reason for each code",
            'Write ignore = { HTP004 = "reason" }.',
        )
    return Settings(
        source=path,
        project=document.get("project", {}),
        backends=_rows(document.get("backend")),
        frontends=_rows(document.get("frontend")),
        **{
            name: document.get(name, {})
            for name in ("database", "docker", "http", "check", "deploy")
        },
    )


def _rows(value: Any) -> tuple[dict[str, Any], ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _require_known(path: Path, kind: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        near = nearest(word, known)
        _refuse(
            path,
            f"unknown {kind}: {word}",
            f"Did you mean {near}?" if near else f"Known: {', '.join(known)}.",
        )


def _refuse(path: Path, why: str, following: str) -> None:
    raise UsageError(what=f"cannot use {path}", why=why, next=following)


def nearest(word: str, known: tuple[str, ...]) -> str | None:
    """Return the known word that is most like this one, if any is."""
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.5)), None)
