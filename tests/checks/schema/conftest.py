"""A real app with SQLModel models and an alembic history."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unstale.detect import find_project
from unstale.fact import Facts
from unstale.local import LocalHost

_MODELS = """\
import enum

from fastapi import FastAPI
from sqlmodel import Field, Session, SQLModel, create_engine, select

app = FastAPI()
engine = create_engine("sqlite:///./app.db")


class Role(enum.Enum):
    ADMIN = "a"
    STAFF = "s"


class Person(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    role: Role = Role.STAFF


@app.get("/add/{name}")
def add(name: str) -> int:
    with Session(engine) as session:
        session.add(Person(name=name))
        session.commit()
    return 1


@app.get("/")
def names() -> list[str]:
    with Session(engine) as session:
        return [each.name for each in session.exec(select(Person))]
"""
_ENV = """\
from alembic import context
from sqlalchemy import create_engine

with create_engine("sqlite:///./app.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""
_FIRST = """\
import sqlalchemy as sa
from alembic import op

revision: str = "aaa1"
down_revision: str | None = None


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String(5), nullable=False, server_default="STAFF"),
    )
"""
SECOND = """\
import sqlalchemy as sa
from alembic import op

revision = "bbb2"
down_revision = ("aaa1",)


def upgrade() -> None:
    op.add_column("person", sa.Column("email", sa.String))
"""


@pytest.fixture
def firm(site: Any) -> Any:
    """Return a site whose database is at its only revision."""
    site.write("app/main.py", _MODELS)
    site.write("alembic.ini", "[alembic]\nscript_location = %(here)s/migrations\n")
    site.write("migrations/env.py", _ENV)
    site.write("migrations/versions/a.py", _FIRST)
    site.write(
        "unstale.toml",
        f'[backend]\napp = "app.main:app"\npython = "{sys.executable}"\n[database]\nurl = "sqlite:///./app.db"\n',
    )
    site.commit()
    alembic(site.root, "upgrade", "head")
    return site


def alembic(root: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "alembic", *words], cwd=root, check=True, capture_output=True
    )


@pytest.fixture
def second() -> str:
    """Return a second revision's script."""
    return SECOND


@pytest.fixture
def migrate() -> Callable[..., None]:
    return alembic


@pytest.fixture
def look() -> Callable[[Path], Facts]:
    return lambda root: Facts(find_project(root, LocalHost()), LocalHost())
