"""Kills `unstale` at every point of its work, and looks what the next command makes of it.

`python -m lab.crash [EVERY]` prints the table. A point is before or after a line of the journal, or before a call
that changes the machine. Each kill happens in a copy of a small project with a database and, where it matters, a
server; afterwards a command that itself changes nothing (`fix` of a code that finds nothing) must decide it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.patient import Patient, lay
from lab.patient_files import HOLDING, SECOND


@dataclass(frozen=True, slots=True)
class Case:
    """A command to kill. `before` brings the project into the state in which it has something to do."""

    name: str
    words: tuple[str, ...]
    before: Callable[[Patient], None]


@dataclass(slots=True)
class Tally:
    """What the kills of one case came to. `wrong` are those that were neither, lost something or stayed undecided."""

    points: int = 0
    old: int = 0
    new: int = 0
    wrong: list[str] = field(default_factory=list)


def _leftover(patient: Patient) -> None:
    source = patient.root / "app/gone.py"
    source.write_text("x = 1\n")
    os.utime(source, (1, 1))  # its bytecode is the same in every copy
    argv = [
        sys.executable,
        "-c",
        "import py_compile; py_compile.compile('app/gone.py', 'app/gone.pyc')",
    ]
    subprocess.run(argv, cwd=patient.root, check=True)
    source.unlink()


def _pending(patient: Patient) -> None:
    (patient.root / "migrations/versions/b.py").write_text(SECOND)
    patient.commit()


def _edited(patient: Patient) -> None:
    patient.serve()
    subprocess.run(["sleep", "2.3"], check=True)  # the server's start-up margin
    path = patient.root / "app/main.py"
    path.write_text(path.read_text().replace('"one"', '"two"'))


def _deleted(patient: Patient) -> None:
    (patient.root / "app/main.py").write_text(HOLDING)
    patient.commit()
    patient.serve()
    patient.sql("INSERT INTO note (text) VALUES ('in the WAL alone')", times=5)
    for suffix in ("", "-wal", "-shm"):
        (patient.root / f"app.db{suffix}").unlink(missing_ok=True)


def _backed_up(patient: Patient) -> None:
    patient.unstale("db", "backup")
    patient.sql("INSERT INTO note (text) VALUES ('later')", times=3)


def _repaired(patient: Patient) -> None:
    _leftover(patient)
    patient.unstale("fix", "PYC003", "PYC004", "PYC005", "--yes")


def _migrated(patient: Patient) -> None:
    _pending(patient)
    patient.unstale("db", "migrate", "--yes")


def _restored(patient: Patient) -> None:
    _backed_up(patient)
    patient.unstale("db", "restore", "--yes")


def _cached(patient: Patient) -> None:
    _pending(patient)
    place = patient.root / "app/__pycache__"
    place.mkdir()
    (place / "gone.cpython-311.pyc").write_bytes(b"x")
    patient.serve()


def _reset(patient: Patient) -> None:
    _cached(patient)
    patient.unstale("reset", "--yes")


CASES = (
    Case("fix PYC004", ("fix", "PYC003", "PYC004", "PYC005", "--yes"), _leftover),
    Case("fix PRC001", ("fix", "PRC001", "--yes"), _edited),
    Case("fix DBF002", ("fix", "DBF002", "--yes"), _deleted),
    Case("fix SCH001", ("fix", "SCH001", "--yes"), _pending),
    Case("db migrate", ("db", "migrate", "--yes"), _pending),
    Case("db restore", ("db", "restore", "--yes"), _backed_up),
    Case("reset", ("reset", "--yes"), _cached),
    Case("undo of a fix", ("undo", "--yes"), _repaired),
    Case("undo of a migration", ("undo", "--yes"), _migrated),
    Case("undo of a restore", ("undo", "--yes"), _restored),
    Case("undo of a reset", ("undo", "--yes"), _reset),
)
_DECIDING = ("fix", "GIT004", "--yes")  # finds nothing here; it only decides what was killed before


def tally(case: Case, scratch: Path, laid: Path, every: int = 1) -> Tally:
    """Kill the case at each of its points, or at every n-th; return what that came to."""
    with _prepared(case, scratch / "whole", laid) as patient:
        old = patient.fingerprint()
        told = patient.killed(0, *case.words)
        assert told == (told and told[0], 0), f"{case.name} fails without a kill: {told}"
        new, points = patient.fingerprint(), told[0]
    counted = Tally()
    for at in range(1, points + 1, every):
        with _prepared(case, scratch / str(at), laid) as patient:
            patient.killed(at, *case.words)
            decided = patient.unstale(*_DECIDING)
            counted.points += 1
            now = patient.fingerprint()
            counted.old, counted.new = counted.old + (now == old), counted.new + (now == new)
            why = _wrong(patient, case, decided, new, known=now in (old, new))
            counted.wrong += [f"{case.name} at {at} of {points}: {why}"] if why else []
    return counted


def _wrong(
    patient: Patient,
    case: Case,
    decided: subprocess.CompletedProcess[str],
    new: str,
    *,
    known: bool,
) -> str:
    """Return what is wrong after the kill and the next command, or nothing."""
    if decided.returncode not in (0, 1):
        return f"the next command: {decided.stderr.strip()[-300:]}"
    if not known:
        return f"neither the former nor the new state: {decided.stderr.strip()[-300:]}"
    verified = patient.unstale("log", "--verify")
    if verified.returncode != 0:
        return f"undecided: {verified.stdout.strip()[-300:]}"
    again = patient.unstale(*case.words)
    if again.returncode not in (0, 1) or patient.fingerprint() != new:
        return f"a second try fails: {(again.stdout + again.stderr).strip()[-300:]}"
    return ""


@contextmanager
def _prepared(case: Case, place: Path, laid: Path) -> Iterator[Patient]:
    place.mkdir(parents=True)
    shutil.copytree(laid, place / "shop", symlinks=True)
    patient = Patient(place)
    try:
        case.before(patient)
        yield patient
    finally:
        patient.end()
        shutil.rmtree(place, ignore_errors=True)


def main() -> int:
    """Print the table; 1 where a kill left anything but the former or the new state."""
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as scratch:
        laid = lay(Path(scratch))
        print(f"{'killed':<22} points  former  new  wrong")
        wrong: list[str] = []
        for case in CASES:
            counted = tally(case, Path(scratch) / case.name.replace(" ", "-"), laid, every)
            row = (
                f"{counted.points:>6}  {counted.old:>6}  {counted.new:>3}  {len(counted.wrong):>5}"
            )
            print(f"{case.name:<22} {row}", flush=True)
            wrong += counted.wrong
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
