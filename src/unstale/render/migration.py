"""A migration in words, and as `unstale.migration/1`: what is pending, the lint, the rehearsal, what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from unstale.migration.case import Case, Rehearsed, Remark
from unstale.redact import mask, printable

_MARKS = {"stop": "✗", "risk": "!", "note": "·"}
_SHOWN = 12  # schema changes
_FELT = 0.01  # seconds


@dataclass(frozen=True, slots=True)
class Told:
    """All that a run of `unstale db migrate` knows. `state` is nothing, planned, done, failed or refused."""

    database: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    case: Case
    remarks: tuple[Remark, ...]
    budget: tuple[float | None, str]
    state: str = "planned"
    run: str = ""
    note: str = ""
    outcome: dict[str, Any] | None = None

    @property
    def rehearsed(self) -> Rehearsed | None:
        """Return the rehearsal, None where there was none."""
        return self.case.rehearsed


def preparation(told: Told, relative: Callable[[str], str]) -> Iterator[str]:
    """Yield the lines of what is pending, the lint and the rehearsal."""
    yield f"{told.database}: {_revisions(told.source)} → {_revisions(told.target)}"
    for script in told.case.scripts:
        yield f"  {script.revision}  {script.message or '(no message)'}  {relative(script.path)}"
    if told.remarks:
        yield "lint"
    for each in told.remarks:
        place = f"{relative(each.path)}:{each.line}" if each.line else relative(each.path)
        yield f"  {_MARKS[each.severity]} {each.code} {place} {each.words}"
    if told.rehearsed is not None:
        yield from _rehearsal(told, told.rehearsed, relative)


def _rehearsal(told: Told, seen: Rehearsed, relative: Callable[[str], str]) -> Iterator[str]:
    ran = seen.record
    if not ran.done:
        where = f" ({relative(ran.place[0])}:{ran.place[1]})" if ran.place else ""
        yield f"✗ rehearsal failed on a copy: {ran.error}{where}"
        return
    count = sum(each.changes for each in ran.statements)
    words = f"{count} statement{'s' * (count != 1)} in {seconds(ran.took)}"
    yield f"✓ rehearsed on a copy: {words}, locks held {seconds(ran.locked)}"
    budget, source = told.budget
    yield (
        f"  nobody waits: {source}"
        if budget is None
        else f"  the app waits {budget:g} s ({source})"
    )
    longest = ran.longest
    if longest is not None and longest.place is not None and longest.took > _FELT:
        path, line = longest.place
        yield f"  longest {seconds(longest.took)} {relative(path)}:{line} {mask(longest.sql)[:100]}"
    for sign, piece in seen.changes[:_SHOWN]:
        yield f"  {sign} {piece.kind} {_of(piece.table, piece.name)} {mask(piece.definition)}".rstrip()
    if len(seen.changes) > _SHOWN:
        yield f"  … {len(seen.changes) - _SHOWN} more changes: --format json"
    for table, before, after in _rows(seen):
        yield f"  rows of {table}: {before} → {after}"


def result(told: Told) -> Iterator[str]:
    """Yield the lines of what became of it."""
    if told.state == "nothing":
        yield f"nothing to do: {told.database} is at {_revisions(told.source)}"
    elif told.state == "done" and told.outcome is not None:
        done = told.outcome
        yield f"✓ {told.database} is at {_revisions(tuple(done['to']))}, in {seconds(done['seconds'])}"
        yield f"  locks held {seconds(done['locked_s'])}, predicted {seconds(done['predicted_s'])}"
        untouched = len(told.rehearsed.untouched) if told.rehearsed else 0
        rows = _meanwhile(done["meanwhile"])
        yield f"  revision and schema as rehearsed; rows of untouched tables ({untouched}) {rows}"
        yield f"  take it back: unstale undo {told.run}"
    elif told.state != "planned":
        yield f"✗ {told.state}: {told.note}"


def document(told: Told) -> dict[str, Any]:
    """Return `unstale.migration/1`."""
    seen = told.rehearsed
    return {
        "schema": "unstale.migration/1",
        "database": printable(told.database),
        "from": list(told.source),
        "to": list(told.target),
        "pending": [
            {
                "revision": each.revision,
                "message": printable(each.message),
                "path": printable(each.path),
            }
            for each in told.case.scripts
        ],
        "lint": [
            {
                "code": each.code,
                "severity": each.severity,
                "path": printable(each.path),
                "line": each.line,
                "words": printable(mask(each.words)),
            }
            for each in told.remarks
        ],
        "rehearsal": _rehearsed(seen) if seen is not None else None,
        "budget_s": told.budget[0],
        "budget_source": printable(mask(told.budget[1])),
        "state": told.state,
        "run": told.run,
        "note": printable(mask(told.note)),
        "outcome": told.outcome,
    }


def _rehearsed(seen: Rehearsed) -> dict[str, Any]:
    return {
        "done": seen.record.done,
        "error": printable(seen.record.error),
        "took_s": round(seen.record.took, 3),
        "locked_s": round(seen.record.locked, 3),
        "statements": sum(each.changes for each in seen.record.statements),
        "changes": [
            {
                "sign": sign,
                "table": printable(each.table),
                "kind": each.kind,
                "name": printable(each.name),
                "definition": printable(mask(each.definition)),
            }
            for sign, each in seen.changes
        ],
        "rows": {printable(table): [before, after] for table, before, after in _rows(seen)},
    }


def _rows(seen: Rehearsed) -> Iterator[tuple[str, int, int]]:
    for table in sorted({*seen.rows_before, *seen.rows_after} - {"alembic_version"}):
        before, after = seen.rows_before.get(table, 0), seen.rows_after.get(table, 0)
        if before != after:
            yield table, before, after


def _meanwhile(changed: dict[str, int]) -> str:
    words = ", ".join(f"{rows:+d} {table}" for table, rows in changed.items())
    return f"as before, but for what others wrote meanwhile ({words})" if changed else "equal"


def _revisions(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "no revision"


def _of(table: str, name: str) -> str:
    return f"{table}.{name}" if name and name != table else table


def seconds(value: float) -> str:
    """Return a time as a person says it: "12 ms", "3.4 s"."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
