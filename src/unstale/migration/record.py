"""What guard/run_migrations.py recorded of one run: statements, locks, its end. No parameter or literal is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from unstale.redact import hide

Place = tuple[str, int]
"""A migration script's path and a line in it."""

_READS = re.compile(
    r"\s*(?:SELECT|PRAGMA|SET|SHOW|WITH|VALUES|EXPLAIN|BEGIN|SAVEPOINT|RELEASE)\b|.*\balembic_version\b",
    re.IGNORECASE | re.DOTALL,
)
_LOCKING_READ = re.compile(
    r".*\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `took` in seconds, `rows` -1 where the driver does not count them."""

    sql: str
    took: float
    rows: int
    auto: bool
    place: Place | None

    @property
    def changes(self) -> bool:
        """Return whether it takes a lock that others wait for; alembic's own table is nobody else's."""
        return not _READS.match(self.sql) or bool(_LOCKING_READ.match(self.sql))


@dataclass(frozen=True, slots=True)
class Record:
    """One run. `locked` is the longest time in seconds through which one transaction held its locks, `took` all of it.

    `broken` are rows that break a foreign key, by "child → parent", before a rehearsal. `reached`: the copy was opened.
    """

    statements: tuple[Statement, ...]
    locked: float
    took: float
    commits: int
    reached: bool
    broken: dict[str, int]
    done: bool
    error: str
    place: Place | None

    def without(self, values: Iterable[str]) -> Record:
        """Return it without these values in its error."""
        return replace(self, error=hide(self.error, values))

    def failing(self, error: str) -> Record:
        """Return it with this error: it could not write its own."""
        return replace(self, error=error)

    @property
    def longest(self) -> Statement | None:
        """Return the statement that changed something and took longest."""
        return max(
            (each for each in self.statements if each.changes),
            key=lambda each: each.took,
            default=None,
        )


def recorded(raw: bytes, kind: str) -> Record:
    """Return the record of a run on a database of that kind; a line that a kill tore is left out."""
    events = list(_events(raw))
    of = {
        name: [each for each in events if each["event"] == name]
        for name in {each["event"] for each in events}
    }
    failed = next(iter(of.get("failed", ())), {})
    times = [each["at"] for each in events if "at" in each]
    statements = tuple(_statement(each) for each in of.get("statement", ()))
    return Record(
        statements=statements,
        locked=max(_locks(events, kind), default=0.0),
        took=max(times) - min(times) if times else 0.0,
        commits=len(of.get("commit", ())),
        reached="reached" in of,
        broken=next((each["rows"] for each in of.get("broken", ())), {}),
        done="done" in of,
        error=str(failed.get("error", "")),
        place=_place(failed.get("where")),
    )


def _events(raw: bytes) -> Iterator[dict[str, Any]]:
    for line in raw.split(b"\n"):
        with suppress(ValueError):
            yield json.loads(line)


def _statement(event: dict[str, Any]) -> Statement:
    return Statement(
        event["sql"], event["took"], event["rows"], event["auto"], _place(event["where"])
    )


def _place(where: list[Any] | None) -> Place | None:
    return (str(where[0]), int(where[1])) if where else None


def _locks(events: list[dict[str, Any]], kind: str) -> Iterator[float]:
    """Yield how long each transaction held its locks.

    SQLite has one writer, from BEGIN IMMEDIATE to the end of COMMIT. PostgreSQL takes locks as statements come, and
    one that waits already keeps others waiting behind it.
    """
    since: dict[int, float] = {}
    for each in events:
        if each["event"] == "begin" and kind == "sqlite":
            since[each["conn"]] = each["at"]
        elif each["event"] == "statement" and _statement(each).changes:
            if each["auto"]:
                yield each["took"]
            else:
                since.setdefault(each["conn"], each["at"])
        elif each["event"] in ("commit", "rollback") and each["conn"] in since:
            yield each["at"] + each.get("took", 0.0) - since.pop(each["conn"])
