"""Wherever a migration is killed, the database is as before or as after it, and the retry succeeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

POINTS = [*map(str, range(1, 9)), "commit", "committed"]
SAFE = """
from alembic import context
from sqlalchemy import create_engine, event, pool

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)


@event.listens_for(engine, "connect")
def _manual(connection, _):
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = OFF")


@event.listens_for(engine, "begin")
def _begin(connection):
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
"""
CARELESS = """
from alembic import context
from sqlalchemy import create_engine, event, pool

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)


@event.listens_for(engine, "connect")
def _keys(connection, _):
    connection.execute("PRAGMA foreign_keys = ON")


with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=False)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""


def fill(shop: Any) -> None:
    shop.sql(
        "insert into person (name) values ('ada'), ('bob'), ('cy')",
        "insert into note (person_id, text) values (1, 'one'), (2, 'two')",
    )


@pytest.mark.parametrize(
    ("template", "env", "url"),
    [
        ("generic", "", "sqlite:///./app.db"),
        ("generic", SAFE, "sqlite:///./app.db"),
        ("generic", CARELESS, "sqlite:///./app.db"),
        ("async", "", "sqlite+aiosqlite:///./app.db"),
    ],
    ids=["plain", "crash-safe", "careless", "async"],
)
def test_killed_migration_leaves_the_old_or_the_new_schema(
    shop: Callable[..., Any], template: str, env: str, url: str
) -> None:
    made = shop(template, env=env, url=url)
    fill(made)
    before = "\n".join(made.dump())
    runs = made.kills(POINTS)
    killed = [each for each in runs if each["ended"] == -9]
    after = runs[-1]["after"]
    assert len(killed) > 7
    assert {"commit", "committed"} <= {each["point"] for each in killed}
    assert {each["left"] for each in killed} == {before, after}
    assert all((each["retry"], each["after"]) == (0, after) for each in runs)
    assert "email" in after
    assert after.count('INSERT INTO "note"') == 2  # nothing cascaded while the table was rebuilt


def test_migration_that_raises_half_way_changes_nothing(
    shop: Callable[..., Any], second: str
) -> None:
    made = shop(
        second=second.replace(
            "op.create_index(", "raise KeyError('canary-Param-1')\n    op.create_index("
        )
    )
    fill(made)
    before = made.dump()
    done = made.unstale("db", "migrate", "--yes")
    assert done.returncode == 1
    assert made.dump() == before
    assert "migrations/versions/b.py:" in done.stdout
    assert "KeyError" in done.stdout
    made.write("migrations/versions/b.py", second)
    assert made.migrate("--yes")["state"] == "done"


def test_rows_that_break_a_foreign_key_are_refused_and_those_that_did_before_are_not(
    shop: Callable[..., Any], second: str
) -> None:
    made = shop(second=second)
    fill(made)
    made.sql("insert into note (person_id) values (99)")
    assert made.migrate("--yes")["state"] == "done"
    third = second.replace("bbb2", "ccc3").replace("aaa1", "bbb2")
    body = third[: third.index("def upgrade")] + (
        "def upgrade():\n"
        "    with op.batch_alter_table('person', recreate='always') as batch:\n"
        "        batch.add_column(sa.Column('age', sa.Integer))\n"
        "    op.execute('delete from person where id = 1')\n"
    )
    made.write("migrations/versions/c.py", body)
    failed = made.migrate("--yes")
    assert failed["state"] == "failed"
    assert "1 of note → person" in failed["note"]
    assert made.sql("select count(*) from person") == [(3,)]
