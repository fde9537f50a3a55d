"""URLs in SQLAlchemy's form, SQLite's to files;
https://docs.sqlalchemy.org/en/20/core/engines.html#sqlite.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_SQLITE = re.compile(r"sqlite(?:\+\w+)?://(?:/(.*))?")
_UNRESOLVED = re.compile(r"[{$]|%\(")


def sqlite_file(url: str, base: Path) -> Path | None:
    """Return the file that the URL names for a process in `base`; None for memory, templates,
    other databases.
    """
    path = _named(url)
    return None if path is None else Path(os.path.normpath(base / path))


def relative(url: str) -> bool:
    """Return whether the URL names another file in another working directory."""
    path = _named(url)
    return path is not None and not path.startswith("/")


def foreign(url: str) -> bool:
    """Return whether the URL is of another kind of database: "postgresql://…"."""
    return "://" in url and not url.startswith("sqlite")


def unresolved(url: str) -> bool:
    """Return whether a program completes the URL: "sqlite:///{here}/app.db"."""
    return _UNRESOLVED.search(url) is not None


def postgres(url: str) -> bool:
    """Return whether the URL names a PostgreSQL database, through any driver."""
    return re.match(r"postgres(?:ql)?(?:\+\w+)?://", url) is not None and not unresolved(url)


def _named(url: str) -> str | None:
    found = _SQLITE.fullmatch(url.strip())
    if found is None or unresolved(url):
        return None
    path = (found[1] or "").partition("?")[0].removeprefix("file:")
    return None if path in ("", ":memory:") or path.startswith(":memory:") else path
