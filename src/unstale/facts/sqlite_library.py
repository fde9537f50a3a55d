"""Which SQLite the project's interpreters carry, and whether it has the bug that its authors found in 2026.

https://sqlite.org/wal.html#walresetbug: 3.7.0 to 3.51.2; the fix is in 3.51.3 and was brought to 3.44.6 and 3.50.7. It
needs WAL mode and two connections that write or checkpoint in the same instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unstale.errors import Unavailable
from unstale.facts.runtime import runtime

if TYPE_CHECKING:
    from unstale.fact import Facts

_ASK = ("-I", "-S", "-c", "import sqlite3; print(sqlite3.sqlite_version)")
_FIRST, _FIXED = (3, 7, 0), (3, 51, 3)
_BROUGHT_BACK = {(3, 44): 6, (3, 50): 7}


def wal_reset_note(facts: Facts) -> str | None:
    """Return what to say of the first affected interpreter, None where there is none or it is not known."""
    for backend in facts.project.backends:
        running = runtime(facts, backend.path)
        version = _version(facts, running.python) if running else None
        if running and version and affected(version):
            words = ".".join(map(str, version))
            return (
                f"the SQLite {words} of {running.python} has the WAL-reset bug, fixed in 3.51.3: in WAL mode, "
                "connections that write or checkpoint in the same instant can, rarely, damage the database "
                "(https://sqlite.org/wal.html#walresetbug; a distribution may have brought the fix back)"
            )
    return None


def affected(version: tuple[int, ...]) -> bool:
    """Return whether a release has the bug.

    >>> affected((3, 40, 1)), affected((3, 44, 6)), affected((3, 53, 0))
    (True, False, False)
    """
    fixed = _BROUGHT_BACK.get((version[0], version[1]))
    return _FIRST <= version < _FIXED and not (fixed is not None and version[2] >= fixed)


def _version(facts: Facts, python: str) -> tuple[int, ...] | None:
    try:
        done = facts.host.run((python, *_ASK))
        return tuple(int(part) for part in done.out.strip().split("."))
    except (Unavailable, ValueError):
        return None
