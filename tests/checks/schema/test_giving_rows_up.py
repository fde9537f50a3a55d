from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def test_row_is_given_up_by_its_number_under_a_running_server(firm: Any, second: str) -> None:
    """The refusal names the number; with it the server sees the former content, and the row is kept."""
    firm.write("migrations/versions/b.py", second)
    firm.serve()
    assert firm.answer("/add/ada") == 1
    assert firm.unstale("fix", "SCH001", "--yes").returncode == 0
    assert firm.answer("/add/bob") == 1
    refused = firm.unstale("undo", "--yes")
    assert refused.returncode == 2
    assert "1 of person; 1 in all" in refused.stderr
    assert firm.unstale("undo", "--yes", "--accept-data-loss=2").returncode == 2
    assert firm.answer() == ["ada", "bob"]
    undone = firm.unstale("undo", "--yes", "--accept-data-loss=1")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert firm.answer() == ["ada"]
    replaced = Path(undone.stdout.partition("the replaced database is ")[2].strip())
    with closing(sqlite3.connect(replaced)) as db:
        assert db.execute("select name from person order by 1").fetchall() == [("ada",), ("bob",)]
    assert firm.unstale("log", "--verify").returncode == 0
    (back,) = {
        line.split()[2] for line in firm.unstale("log").stdout.splitlines() if " undo " in line
    }
    assert firm.unstale("undo", back, "--yes").returncode == 0
    assert firm.answer() == ["ada", "bob"]
