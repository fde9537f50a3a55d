"""make demo: each classic fault made, felt, found, proven, repaired, felt again, and taken back where promised."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from lab.arena import REPOSITORY, Arena
from lab.fault import Fault, of_code

T = TypeVar("T")

SHOWN = (
    ("old process", "PRC001"),
    ("stale .pyc", "PYC001"),
    ("leftover package", "ENV001"),
    ("locked database", "DBF001"),
    ("deleted database", "DBF002"),
    ("missing column", "SCH001"),
    ("front end not rebuilt", "BLD001"),
    ("orphan on the port", "PRC004"),
    ("lying health route", "HTP012"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the closing table; times in seconds, `lost` counts rows of data."""

    name: str
    code: str
    found: float
    cured: float
    undone: str
    lost: int
    held: bool


def main() -> int:
    """Run the demonstration; return 0 only when every row held."""
    scratch = REPOSITORY / ".lab" / f"demo-{os.getpid()}"
    arena = Arena(scratch)
    try:
        _title("The example: laid, installed, built, migrated, seeded, started")
        arena.lay()
        arena.start()
        done = arena.unstale("check")
        print(done.stdout)
        rows = [Row("healthy project", "", 0, 0, "", 0, held=done.returncode == 0)]
        rows += [show(arena, name, of_code(code)) for name, code in SHOWN]
    finally:
        arena.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    _table(rows)
    return 0 if all(row.held for row in rows) else 1


def show(arena: Arena, name: str, fault: Fault) -> Row:
    """Make the fault, and print how it is felt, found, cured and taken back."""
    rows = arena.rows()
    _title(f"{name}: {fault.inject(arena)}")
    broken = not _felt(arena, fault)
    found, codes = _timed(arena.codes)
    print(f"\n{_findings(arena.unstale('check').stdout)}")
    cured, plan = _timed(lambda: _cure(arena, fault))
    right = _felt(arena, fault)
    undone = "manual" if fault.edit else ""
    if not fault.edit and any(step["undoable"] for step in plan["steps"]):
        undone = _undo(arena, fault)
    left, lost = arena.codes(), max(0, rows - arena.rows())
    problems = [f"{lost} rows were lost"] if lost else []
    problems += [] if broken else ["the fault was not felt"]
    problems += [] if codes[:1] == [fault.check.code] else [f"found {codes}"]
    problems += [] if right else ["the cure was not felt"]
    problems += [f"still stale: {left}"] if left else []
    problems += ["the undo failed"] if undone == "failed" else []
    for problem in problems:
        print(f"✗ {problem}")
    return Row(name, fault.check.code, found, cured, undone, lost, held=not problems)


def _felt(arena: Arena, fault: Fault) -> bool:
    if fault.felt is None:
        return True
    words, right = fault.felt(arena)
    print(f"felt:  {words}")
    return right


def _timed(act: Callable[[], T]) -> tuple[float, T]:
    began = time.monotonic()
    result = act()
    return time.monotonic() - began, result


def _cure(arena: Arena, fault: Fault) -> dict[str, Any]:
    """Fix as a user would: by the tool, or by the edit that it prints; return the plan."""
    plan: dict[str, Any] = json.loads(arena.unstale("fix", "--dry-run", "--format", "json").stdout)
    print(arena.unstale("fix", "--yes").stdout)
    if fault.edit:
        step = next(each for each in plan["steps"] if fault.check.code in each["codes"])
        fault.edit(arena, tuple(step["preview"]))
    if fault.after_fix:
        fault.after_fix(arena)
    return plan


def _undo(arena: Arena, fault: Fault) -> str:
    """Take the fix back, see the fault again, fix again."""
    back = arena.unstale("undo", "--yes")
    print(f"undo:  {back.stdout.strip() or back.stderr.strip()}")
    again = arena.codes()
    _cure(arena, fault)
    return "yes" if back.returncode == 0 and again[:1] == [fault.check.code] else "failed"


def _findings(report: str) -> str:
    """Return the report without the chain, which the first screen showed."""
    lines = report.splitlines()
    first = next((at for at, line in enumerate(lines) if line.startswith("✗")), 0)
    return "\n".join(lines[first:])


def _title(words: str) -> None:
    print(f"\n── {words}\n", flush=True)


def _table(rows: list[Row]) -> None:
    print(
        f"\n{'fault':<24}{'code':<9}{'found in s':>11}{'cured in s':>12}{'undo':>8}{'data lost':>11}   held"
    )
    for row in rows:
        times = f"{row.found:>11.1f}{row.cured:>12.1f}" if row.code else " " * 23
        held = "yes" if row.held else "NO"
        print(f"{row.name:<24}{row.code:<9}{times}{row.undone:>8}{row.lost:>11}   {held}")


if __name__ == "__main__":
    sys.exit(main())
