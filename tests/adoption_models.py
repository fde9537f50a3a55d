"""The models that the tests of adoption drift away from, and what makes their databases."""

from __future__ import annotations

import random
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

MODELS = """\
import datetime
import enum

import sqlalchemy as sa
from sqlmodel import Column, Field, SQLModel


class Kind(enum.Enum):
    REQUEST = "request"
    PAPER = "paper"


class Mood(enum.Enum):
    GLAD = "glad"
    SAD = "sad"


class Person(SQLModel, table=True):
    mood: Mood | None = None
    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, index=True)
    name: str = Field(sa_column=Column(sa.String(40, collation="NOCASE"), nullable=False))
    level: int = Field(sa_column=Column(sa.Integer, server_default="1", nullable=False))
    nick: str | None = None


class Note(SQLModel, table=True):
    __table_args__ = (
        sa.CheckConstraint("length(text) > 0", name="ck_note_text"),
        sa.UniqueConstraint("person_id", "text", name="uq_note"),
    )

    id: int | None = Field(default=None, primary_key=True)
    person_id: int = Field(foreign_key="person.id", ondelete="CASCADE", index=True)
    text: str
    kind: Kind = Field(sa_column=Column(sa.Enum(Kind, native_enum=False, create_constraint=True, name="kind"), nullable=False))
    price: float | None = None
    at: datetime.datetime


class Tag(SQLModel, table=True):
    note_id: int = Field(foreign_key="note.id", primary_key=True)
    word: str = Field(primary_key=True)
"""
MAIN = """\
from fastapi import FastAPI
from sqlmodel import SQLModel, create_engine

from app import models

app = FastAPI()


def start(url: str = "sqlite:///./app.db") -> None:
    SQLModel.metadata.create_all(create_engine(url))
"""
_POSTGRES = """\
from sqlalchemy import create_mock_engine
from sqlmodel import SQLModel
from app import models
engine = create_mock_engine("postgresql://", lambda sql, *_, **__: print(str(sql.compile(dialect=engine.dialect)), ";"))
SQLModel.metadata.create_all(engine, checkfirst=False)
"""
_CHECK = """\
import json, sys
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel
from app import models
found = {}
for path in sys.argv[1:]:
    with create_engine(f"sqlite:///{path}").connect() as connection:
        opts = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=opts)
        kinds = []
        for each in compare_metadata(context, SQLModel.metadata):
            kinds += [one[0] for one in each] if isinstance(each, list) else [each[0]]
        found[path] = kinds
print(json.dumps(found))
"""


def lay(root: Path, collation: str = "NOCASE") -> None:
    """Write the app; the collation is one that its server has."""
    (root / "app").mkdir(parents=True)
    (root / "app/__init__.py").write_text("")
    (root / "app/models.py").write_text(MODELS.replace("NOCASE", collation))
    (root / "app/main.py").write_text(MAIN)
    (root / "requirements.txt").write_text("fastapi\nsqlmodel\nalembic\n")


def python(root: Path, code: str, *words: str) -> str:
    """Run code in the app's directory."""
    argv = [sys.executable, "-W", "ignore", "-c", code, *words]
    return subprocess.run(argv, cwd=root, check=True, capture_output=True, text=True).stdout


def create_all(root: Path) -> None:
    """Make app.db as the app does."""
    python(root, "from app.main import start; start()")


def create_all_sql(root: Path) -> str:
    """Return what create_all says to PostgreSQL."""
    return python(root, _POSTGRES)


def alembics_own_view(root: Path, *paths: str) -> str:
    """Return, as JSON by path, the operations that alembic's own comparison would make."""
    return python(root, _CHECK, *paths)


def filled(seed: int) -> list[str]:
    """Return INSERTs of random rows, valid for the models."""
    chance = random.Random(seed)
    people = range(1, chance.randint(3, 9))
    said = [
        f"INSERT INTO person (id, email, name, level) VALUES ({each}, 'p{each}@example.invalid', 'Name{each}', {chance.randint(1, 9)})"
        for each in people
    ]
    for each in range(1, chance.randint(5, 30)):
        kind, price = chance.choice(("REQUEST", "PAPER")), chance.choice(("NULL", "1.5", "2"))
        said.append(
            f"INSERT INTO note (id, person_id, text, kind, price, at) VALUES ({each}, {chance.choice(people)}, 'text {each} ü''', '{kind}', {price}, '2026-01-0{chance.randint(1, 9)} 10:00:00')"
        )
        said.append(f"INSERT INTO tag (note_id, word) VALUES ({each}, 'w{chance.randint(1, 3)}')")
    return said


def rebuilt(connection: sqlite3.Connection, table: str, old: str, new: str) -> None:
    """Give a table another definition and keep its rows, as somebody did by hand."""
    (sql,) = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).fetchone()
    assert old in sql, sql
    indexes = [
        row[0]
        for row in connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
            (table,),
        )
    ]
    had = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA legacy_alter_table = ON")
    made = re.sub(rf'TABLE "?{table}"?', "TABLE other", sql.replace(old, new), count=1)
    connection.execute(made)
    both = ", ".join(
        row[1] for row in connection.execute("PRAGMA table_info(other)") if row[1] in had
    )
    connection.execute(f"INSERT INTO other ({both}) SELECT {both} FROM {table}")
    connection.execute(f"DROP TABLE {table}")
    connection.execute(f"ALTER TABLE other RENAME TO {table}")
    for each in indexes:
        connection.execute(each)


def rows(path: str, columns: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    """Return every row as text, sorted, by table; of these columns alone where given."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            row[0]
            for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('alembic_version', 'sqlite_sequence')"
            )
        ]
        return {
            name: sorted(
                repr(row)
                for row in connection.execute(
                    f"SELECT {', '.join(columns[name]) if columns else '*'} FROM {name}"
                )
            )
            for name in names
            if columns is None or name in columns
        }


def columns(path: str) -> dict[str, list[str]]:
    """Return the columns of each table."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for name in names
        }
