"""What unstale.toml or [tool.unstale] may say; every key is optional."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unstale.errors import UsageError
from unstale.redact import without_password

KEYS: dict[str, tuple[str, ...]] = {
    "project": ("name", "state"),
    "backend": ("path", "app", "python", "env_file", "requirements"),
    "frontend": ("path", "build", "dist", "env"),
    "database": ("url", "migrations", "seed"),
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
_LISTS = frozenset({"urls", "skip"})
_TABLES = frozenset({"env", "ignore"})
_TEXTS = frozenset({"project", "backend", "frontend", "database", "docker"})


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

    A broken pyproject.toml without the words of our table is not ours to complain about.
    Raises UsageError for broken TOML, an unknown key (naming the nearest) or a value of the wrong kind.
    """
    try:
        raw = path.read_bytes()
        document = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise UsageError(
            what=f"cannot read {path}",
            why=error.strerror or str(error),
            next="Run as a user who may read it.",
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        if path.name == "pyproject.toml" and b"tool.unstale" not in raw:
            return None
        raise UsageError(
            what=f"cannot read {path}", why=str(error), next="Correct the file."
        ) from None
    if path.name == "pyproject.toml":
        tools = document.get("tool")
        ours = tools.get("unstale") if isinstance(tools, dict) else None
        if ours is None:
            return None
        if not isinstance(ours, dict):
            _refuse(path, "tool.unstale is not a table", "Write [tool.unstale].")
        document = ours
    return _settings(path, document)


def _settings(path: Path, document: dict[str, Any]) -> Settings:
    for table, value in document.items():
        _require_known(path, "table", table, tuple(KEYS))
        rows = value if isinstance(value, list) and table in ("backend", "frontend") else [value]
        for row in rows:
            if not isinstance(row, dict):
                _refuse(path, f"{table} is not a table", f"Write [{table}].")
            for key, said in row.items():
                _require_known(path, f"key in [{table}]", key, KEYS[table])
                _require_kind(path, table, key, said)
    http = document.get("http", {})
    for url in http.get("urls", ()):
        require_address(f"{path} [http] urls", url)
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
        database=_without_password(document.get("database", {})),
        http={key: _bare(said) if key == "urls" else said for key, said in http.items()},
        **{name: document.get(name, {}) for name in ("docker", "check", "deploy")},
    )


def _without_password(database: dict[str, Any]) -> dict[str, Any]:
    return {key: without_password(said) if key == "url" else said for key, said in database.items()}


def _bare(urls: list[str]) -> list[str]:
    return [without_password(url) for url in urls]


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


def _require_kind(path: Path, table: str, key: str, value: Any) -> None:
    if key in _LISTS:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            _refuse(path, f"{key} in [{table}] is no list of texts", f'Write {key} = ["…"].')
    elif table in _TEXTS and key not in _TABLES and not isinstance(value, str):
        _refuse(path, f"{key} in [{table}] is no text", f'Write {key} = "…".')


def require_address(where: str, url: str) -> None:
    """Raise UsageError, naming where it stands, unless the URL is one that HTTP can be spoken to."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UsageError(
            what=f"cannot use {where}",
            why=f"{url} is no address of a web server",
            next="Write it like http://127.0.0.1:8000.",
        )


def _refuse(path: Path, why: str, following: str) -> None:
    raise UsageError(what=f"cannot use {path}", why=why, next=following)


def nearest(word: str, known: tuple[str, ...]) -> str | None:
    """Return the known word that is most like this one, if any is."""
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.5)), None)
