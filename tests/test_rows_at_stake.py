"""A refusal to lose rows names what would accept it, whichever step is taken back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from unstale.action import Keep
from unstale.actions.replace_database import PutDatabaseBack, ReplaceDatabase
from unstale.local import LocalHost
from unstale.store import unaccepted
from unstale.stores.sqlite import SqliteStore


def test_exactly_the_rows_at_stake_are_accepted() -> None:
    lost = {"note": 2, "user": 1}
    why = unaccepted(lost, None)
    assert why is not None
    assert "2 of note, 1 of user; 3 in all. --accept-data-loss=3 gives them up" in why
    assert unaccepted(lost, 2) == unaccepted(lost, 4) == why
    assert unaccepted(lost, 3) is None
    assert unaccepted({}, None) is None


def test_many_tables_are_counted_and_five_are_named() -> None:
    why = unaccepted({f"t{at}": 1 for at in range(9)}, None) or ""
    assert "1 of t4; 9 in all" in why
    assert "t5" not in why


def test_refusal_to_put_a_database_back_says_how_to_insist(tmp_path: Path) -> None:
    host, store = LocalHost(changing=True), SqliteStore(str(tmp_path / "app.db"))
    keep = Keep(tmp_path / "trash", tmp_path / "kept")
    for path in (tmp_path / "app.db", tmp_path / "backup.db"):
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("create table note (x)")
    ReplaceDatabase(store, str(tmp_path / "backup.db")).apply(host, keep)
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("insert into note values (1)")
    why = PutDatabaseBack(store.label, store, str(keep.state)).unacceptable(host) or ""
    assert "1 of note; 1 in all. --accept-data-loss=1" in why
