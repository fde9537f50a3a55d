"""What a refusal and an undo of a database say, the same on both kinds."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Cluster, Site

_SETTINGS = f'[backend]\npath = "."\npython = "{sys.executable}"\n[database]\nurl = "%s"\n'


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for each in statements:
            connection.execute(each)


def test_refusal_names_what_gives_rows_up_and_undo_where_they_are_kept(
    site: Site, postgres: Cluster
) -> None:
    name = f"words_{os.getpid()}"
    postgres.psql(f"CREATE DATABASE {name}")
    postgres.psql("CREATE TABLE note (text text); INSERT INTO note VALUES ('a')", database=name)
    site.write("unstale.toml", _SETTINGS % postgres.url(name))
    assert site.unstale("db", "backup").returncode == 0
    assert site.unstale("db", "restore", "--yes").returncode == 0
    postgres.psql("INSERT INTO note VALUES ('late')", database=name)
    refused = site.unstale("undo", "--yes")
    assert refused.returncode == 2
    assert "1 of note; 1 in all. --accept-data-loss=1 gives them up" in refused.stderr
    done = site.unstale("undo", "--yes", "--accept-data-loss=1")
    assert done.returncode == 0, done.stderr
    log = site.unstale("log").stdout
    assert re.search(rf"note +1 \S+/{name} at no revision in [0-9.]+ s: \S+/backups/", log)
    assert len(re.findall(r"note +1 \S+ at ", log)) == 3  # backup, restore, undo
    said = re.search(rf"what was there is kept: the database ({name}_replaced_\w+)", done.stdout)
    assert said is not None, done.stdout
    rows = "SELECT string_agg(text, ' ' ORDER BY text) FROM note"
    assert postgres.psql(rows, database=said[1]) == "a late"
    assert postgres.psql(rows, database=name) == "a"


def test_backup_of_another_database_says_whose_it_is(site: Site) -> None:
    for name in ("one", "other"):
        sql(site.root / f"{name}.db", "CREATE TABLE note (text)", "INSERT INTO note VALUES ('a')")
    site.write("unstale.toml", _SETTINGS % f"sqlite:///{site.root}/other.db")
    backup = site.root.parent / "other.bak"
    assert site.unstale("db", "backup", "-o", str(backup)).returncode == 0
    own = site.unstale("db", "restore", str(backup)).stderr
    assert "other.bak, 0 seconds old" in own
    site.write("unstale.toml", _SETTINGS % f"sqlite:///{site.root}/one.db")
    asked = site.unstale("db", "restore", str(backup))
    assert (asked.returncode, f"other.bak, of {site.root}/other.db, " in asked.stderr) == (2, True)
