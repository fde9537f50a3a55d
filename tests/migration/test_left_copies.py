"""A rehearsal that is killed leaves a whole copy of the database; the next change removes it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from lab.postgres import Cluster
from lab.waiting import wait_for
from unstale.local import LocalHost
from unstale.stores.libpq import variables
from unstale.stores.postgres_twin import drop_scratch

SLOW = """'''Takes its time'''
import pathlib
import time

import sqlalchemy as sa
from alembic import op
revision = "bbb2"
down_revision = "aaa1"


def upgrade():
    op.add_column("person", sa.Column("email", sa.String(50)))
    pathlib.Path("begun").touch()
    time.sleep(60)
"""


def cut(shop: Any) -> None:
    """Kill `db migrate` while it rehearses."""
    argv = [sys.executable, "-m", "unstale", "db", "migrate", "--yes"]
    run = subprocess.Popen(argv, cwd=shop.root, env=shop.site.environ(), stderr=subprocess.DEVNULL)
    try:
        wait_for((shop.root / "begun").exists)
    finally:
        run.kill()
        run.wait()


def copies(shop: Any) -> list[str]:
    """Return the files of the rehearsal's directories."""
    places = (*shop.site.state.rglob("rehearsal/*"), *shop.root.glob(".unstale/trash/rehearsal/*"))
    return [each.name for each in places if each.is_file()]


def test_copy_of_a_file_is_removed(shop: Callable[..., Any]) -> None:
    made = shop("generic", second=SLOW)
    cut(made)
    assert [each for each in copies(made) if each.endswith(".db")]
    done = made.unstale("db", "backup")
    assert done.returncode == 0, done.stderr
    assert "removed the copy that an interrupted rehearsal left in " in done.stderr
    assert copies(made) == []
    assert "interrupted" not in made.unstale("db", "backup").stderr


def test_copy_on_a_server_is_dropped_and_no_other_database(
    shop: Callable[..., Any], postgres: Cluster
) -> None:
    name = f"cut_{uuid.uuid4().hex[:8]}"
    postgres.psql(f"create database {name}")
    url = postgres.url(name, driver="+psycopg")
    there = "select string_agg(datname, ' ' order by 1) from pg_database"
    made = shop("generic", url=url, shown=url, second=SLOW)
    before = postgres.psql(there)
    cut(made)
    (left,) = {*postgres.psql(there).split()} - {*before.split()}
    (mark,) = made.site.state.rglob("*.scratch")
    assert mark.name == f"{left}.scratch"
    mark.with_name("unstale_not-one.scratch").write_text(mark.read_text())
    wait_for(
        lambda: (
            postgres.psql(f"select count(*) from pg_stat_activity where datname = '{left}'") == "0"
        )
    )
    done = made.unstale("db", "backup")
    assert done.returncode == 0, done.stderr
    assert postgres.psql(there) == before
    assert copies(made) == ["unstale_not-one.scratch"]


@pytest.mark.parametrize("named", ["{name}", "unstale_{name}"])
def test_only_a_scratch_copy_is_dropped_whatever_a_file_is_called(
    postgres: Cluster, named: str
) -> None:
    name = named.format(name=f"kept_{uuid.uuid4().hex[:8]}")
    postgres.psql(f"create database {name}")
    env = variables(postgres.url("postgres")) or {}
    drop_scratch(LocalHost(changing=True), env, name)
    assert postgres.psql(f"select count(*) from pg_database where datname = '{name}'") == "1"
