"""db migrate on PostgreSQL: rehearsed on a database beside it, killed at each statement, undone by exchange."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lab.postgres import PASSWORD, Cluster

DRIVERS = ("psycopg", "psycopg2", "asyncpg")
SECOND = """'''Mail addresses'''
import sqlalchemy as sa
from alembic import op
revision = "bbb2"
down_revision = "aaa1"


def upgrade():
    op.add_column("person", sa.Column("email", sa.String(50)))
    op.execute(sa.text("update person set email = :host where id < 3").bindparams(host="canary-Param-1"))
    op.create_index("ix_person_email", "person", ["email"])
    op.alter_column("person", "name", type_=sa.String(200))
"""


class Served:
    """A shop whose database is on the cluster."""

    def __init__(self, shop: Any, cluster: Cluster, name: str) -> None:
        self.shop, self.cluster, self.name = shop, cluster, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.shop, name)

    def query(self, sql: str) -> str:
        return self.cluster.psql(sql, database=self.name)

    def databases(self) -> list[str]:
        return self.cluster.psql("select datname from pg_database order by 1").splitlines()


@pytest.fixture
def served(shop: Callable[..., Any], postgres: Cluster) -> Iterator[Callable[[str], Served]]:
    """Return a maker of a project on a new database of the cluster, with rows, through that driver."""
    name = f"shop_{uuid.uuid4().hex[:8]}"
    postgres.psql(f"create database {name}")

    def make(driver: str = "psycopg") -> Served:
        url = postgres.url(name, driver=f"+{driver}")
        template = "async" if driver == "asyncpg" else "generic"
        made = Served(shop(template, url=url, shown=url, second=SECOND), postgres, name)
        made.query("insert into person (name) select 'p' || i from generate_series(1, 5) i")
        made.query("insert into note (person_id, text) values (1, 'canary-Row-1')")
        return made

    yield make
    postgres.psql(f"drop database if exists {name} with (force)")


def test_squawk_is_heard_where_it_is_installed(
    served: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = served()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert not [each for each in made.migrate("--dry-run")["lint"] if "squawk" in each["code"]]
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    told = [each for each in made.migrate("--dry-run")["lint"] if "squawk" in each["code"]]
    fields = [each for each in told if each["code"] == "squawk prefer-text-field"]
    assert [(each["severity"], each["line"]) for each in fields] == [("note", 9), ("note", 12)]
    assert {Path(each["path"]).parent.name for each in fields} == {"versions"}
    assert "squawk require-lock-timeout" not in {each["code"] for each in told}


@pytest.mark.parametrize("driver", DRIVERS)
def test_migration_is_rehearsed_beside_the_live_database_and_done(
    served: Callable[[str], Served], driver: str
) -> None:
    made = served(driver)
    there = made.databases()
    done = made.migrate("--yes")
    assert done["state"] == "done", done
    assert {each["name"] for each in done["rehearsal"]["changes"]} >= {"email", "ix_person_email"}
    assert made.query("select version_num from alembic_version") == "bbb2"
    assert made.query("select count(*) from person where email like 'canary%'") == "2"
    assert made.databases() == there


def test_dry_run_changes_nothing(served: Callable[..., Served]) -> None:
    made = served()
    there, rows = made.databases(), made.query("select * from person order by id")
    told = made.migrate("--dry-run")
    assert (told["state"], told["code"]) == ("planned", 1), told
    assert told["rehearsal"]["done"]
    assert made.query("select version_num from alembic_version") == "aaa1"
    assert made.query("select * from person order by id") == rows
    assert made.databases() == there


def test_killed_migration_leaves_the_old_schema_until_it_is_committed(
    served: Callable[..., Served],
) -> None:
    made = served()
    check = made.cluster.url(made.name, driver="+psycopg")
    points = [*map(str, range(1, 6)), "commit", "committed"]
    runs = made.kills(points, check=check)
    assert [each["ended"] for each in runs] == [-9] * len(points), runs
    *early, last = runs
    before, after = runs[0]["left"], last["left"]
    assert "email" not in before
    assert "email" in after
    assert {each["left"] for each in early} == {before}
    assert (last["retry"], last["after"]) == (0, after)


def test_undo_restores_and_is_refused_when_rows_were_written_since(
    served: Callable[..., Served],
) -> None:
    made = served()
    before = made.query("select * from person order by id")
    assert made.migrate("--yes")["state"] == "done"
    made.query("insert into person (name) values ('since')")
    refused = made.unstale("undo", "--yes")
    assert refused.returncode == 2
    assert "1 of person" in refused.stderr
    made.query("delete from person where name = 'since'")
    with psycopg.connect(made.cluster.url(made.name)) as session:
        session.execute("select 1")
        refused = made.unstale("undo", "--yes")
        assert refused.returncode == 2
        assert "server process" in refused.stderr
    undone = made.unstale("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert made.query("select * from person order by id") == before
    assert made.query("select version_num from alembic_version") == "aaa1"


def test_lock_that_others_hold_ends_the_migration_and_not_the_app(
    served: Callable[..., Served],
) -> None:
    made = served()
    with psycopg.connect(made.cluster.url(made.name)) as session:
        session.execute(
            "select count(*) from person"
        )  # an open transaction, as a forgotten session has one
        done = made.migrate("--yes")
        assert (done["code"], done["state"]) == (1, "failed"), done
        assert "lock timeout" in done["note"]
        assert session.execute("select count(*) from person").fetchone() == (5,)
    assert made.migrate("--yes")["state"] == "done"


def test_statement_on_the_server_is_not_rehearsed(served: Callable[..., Served]) -> None:
    made = served()
    made.write("migrations/versions/b.py", SECOND + "    op.execute('create role intruder')\n")
    told = made.migrate("--dry-run")
    assert told["state"] == "failed"
    assert "changes the server" in told["note"]
    assert made.cluster.psql("select count(*) from pg_roles where rolname = 'intruder'") == "0"


def test_secrets_never_come_out(served: Callable[..., Served]) -> None:
    made = served()
    wrong = (
        "    op.execute(sa.text('insert into person values (:a)').bindparams(a='canary-Param-2'))\n"
    )
    made.write("migrations/versions/b.py", SECOND + wrong)
    ran = [made.unstale("db", "migrate", "--yes")]
    made.write("migrations/versions/b.py", SECOND)
    ran += [made.unstale("db", "migrate", *more) for more in (("--dry-run",), ("--yes",))]
    ran += [made.unstale("log")]
    assert [each.returncode for each in ran] == [1, 1, 0, 0]
    texts = [text for each in ran for text in (each.stdout, each.stderr)]
    texts += [each.read_text() for each in made.site.state.rglob("*.json*")]
    assert not any("canary" in text or PASSWORD in text for text in texts)


def test_rows_that_clients_write_meanwhile_stay(served: Callable[..., Served]) -> None:
    made = served()
    made.site.serve()
    stop, written = threading.Event(), [0]

    def client() -> None:
        with psycopg.connect(made.cluster.url(made.name), autocommit=True) as db:
            while not stop.is_set():
                db.execute("insert into note (person_id, text) values (2, 'meanwhile')")
                written[0] += 1
                stop.wait(0.005)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        done = made.migrate("--yes")
    finally:
        stop.set()
        thread.join()
    assert done["state"] == "done", done
    assert made.query("select count(*) from note where text = 'meanwhile'") == str(written[0])
