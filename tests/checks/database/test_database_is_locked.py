from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unstale.action import Edit
from unstale.actions.restart import Restart
from unstale.check import Verdict, by_code
from unstale.facts.sqlite_locks import _locks
from unstale.finding import Finding, Fresh
from unstale.layer import Severity

TABLE = "create table if not exists t(x)"


def judged(facts: Any) -> tuple[Verdict, ...]:
    check = by_code("DBF001")
    assert check is not None
    return check.verdicts(facts)


def test_forgotten_transaction_is_found_and_its_holder_only_named(
    project: Path, hold: Any, look: Any
) -> None:
    child = hold(project / "app.db", "delete", TABLE, "begin immediate")
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    (found,) = judged(look(project))
    assert isinstance(found, Finding)
    assert found.severity is Severity.STALE
    assert found.pids == (child.pid,)
    assert "RESERVED" in found.have.value
    assert found.have.value.endswith("state T")
    assert isinstance(found.fix, Edit)
    assert f"unstale fix DBF001 --pid {child.pid}" in found.fix.preview()[0]
    child.kill()
    child.wait()
    (fresh,) = judged(look(project))
    assert isinstance(fresh, Fresh)


def test_holder_of_ours_is_restarted(project: Path, hold: Any, look: Any) -> None:
    child = hold(
        project / "app.db", "wal", TABLE, "begin immediate", script=project / "app/main.py"
    )
    (project / "unstale.toml").write_text(
        '[backend]\napp = "app.main:app"\n[database]\nurl = "sqlite:///./app.db"\n'
    )
    (found,) = judged(look(project))
    assert isinstance(found, Finding)
    assert isinstance(found.fix, Restart)
    assert found.fix.pid == child.pid
    assert "WAL write" in found.have.value


@pytest.mark.parametrize(
    ("mode", "statements"),
    [
        ("wal", (TABLE, "insert into t values (1)")),
        ("wal", (TABLE, "begin", "select * from t")),
        ("delete", (TABLE, "insert into t values (1)")),
        ("delete", (TABLE, "begin", "select * from t")),
    ],
    ids=["live WAL", "idle reader in WAL", "idle connection", "idle reader"],
)
def test_who_does_not_write_is_silent(
    project: Path, hold: Any, look: Any, mode: str, statements: tuple[str, ...]
) -> None:
    hold(project / "app.db", mode, *statements)
    (fresh,) = judged(look(project))
    assert isinstance(fresh, Fresh)


def test_missing_file_has_no_lock_to_judge(project: Path, look: Any) -> None:
    assert judged(look(project)) == ()


def test_waiters_and_readers_hold_no_writer_lock() -> None:
    text = (
        "1: POSIX  ADVISORY  READ  10 fe:00:77 128 128\n"
        "2: POSIX  ADVISORY  WRITE 11 fe:00:77 120 120\n"
        "2: -> POSIX  ADVISORY  WRITE 12 fe:00:77 120 120\n"
        "3: FLOCK  ADVISORY  WRITE 13 fe:00:77 0 EOF\n"
        "4: OFDLCK ADVISORY  WRITE -1 fe:00:77 122 122\n"
        "5: POSIX  ADVISORY  WRITE 14 fe:00:78 120 120\n"
        "6: POSIX  ADVISORY  WRITE 15 fe:00:77 123 127\n"
    )
    held: Callable[..., Any] = _locks
    watched = {(os.makedev(0xFE, 0), 77): "/srv/app.db-shm"}
    assert list(held(text, watched)) == [
        ("/srv/app.db", "WAL write", 11),
        ("/srv/app.db", "WAL recovery", -1),
    ]
