"""What adoption writes, run by alembic itself as a person runs it, on both kinds of database and with each driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import pytest

from lab.postgres import PASSWORD

if TYPE_CHECKING:
    from conftest import Cluster, Site

_NUMBERS = count()
_SETTINGS = f'[backend]\npath = "."\napp = "app.main:app"\npython = "{sys.executable}"\n'
_MODELS = """\
import enum

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    pass


class Kind(enum.Enum):
    A = "a"
    B = "b"


class Team(Base):
    __tablename__ = "team"
    id = sa.Column(sa.Integer, primary_key=True)
    boss_id = sa.Column(sa.ForeignKey("Player.id", ondelete="SET NULL"))
    kind = sa.Column(sa.Enum(Kind, name="kind"), nullable=False)
    rate = sa.Column(sa.Text, server_default=sa.text("'5%'"))
    low = sa.Column(sa.Text, sa.Computed("lower(rate)", persisted=True))
    __table_args__ = (
        sa.CheckConstraint("rate LIKE '%%%'", name="has_percent"),
        sa.Index("ix_rate", "rate", postgresql_where=sa.text("rate LIKE '5%'")),
    )


class Player(Base):
    __tablename__ = "Player"
    id = sa.Column(sa.Integer, primary_key=True)
    team_id = sa.Column(sa.ForeignKey("team.id"))
    kind = sa.Column(sa.Enum(Kind, name="kind"), nullable=False)
    word_id = sa.Column(sa.ForeignKey("word.id", use_alter=True, name="fk_word"))
"""
_TABLES = """\
import sqlalchemy as sa

from app.models import Base

word = sa.Table("word", Base.metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
"""
_MORE = """
from sqlalchemy.dialects.postgresql import DOMAIN

mail = DOMAIN("mail", sa.Text, check=sa.text("VALUE LIKE '%@%'"))
side = sa.Table("side", Base.metadata, sa.Column("mail", mail), schema="other")
"""
# As so many do it: tables are made while the app is imported.
_MAIN = """\
import os

from dotenv import load_dotenv
from fastapi import FastAPI
from sqlalchemy import create_engine

from app import models, tables

load_dotenv()
engine = create_engine(os.environ["DATABASE_URL"])
models.Base.metadata.create_all(bind=engine)
app = FastAPI()
"""
_ASYNC_MAIN = """\
import os

from dotenv import load_dotenv
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from app import models, tables

load_dotenv()
engine = create_async_engine(os.environ["DATABASE_URL"])
app = FastAPI()


async def start() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(models.Base.metadata.create_all)
"""
_EITHER = 'environ.get("DATABASE_URL") or os.environ.get("database_url", "sqlite://")'
_ROWS = """\
INSERT INTO team (kind) VALUES ('A'), ('B');
INSERT INTO "Player" (team_id, kind) VALUES (1, 'A'), (2, 'B');
"""


@pytest.fixture
def place(postgres: Cluster) -> Iterator[str]:
    """Return the name of an empty database that has the schema which the models name."""
    name = f"adopted {next(_NUMBERS)} {os.getpid()}"
    postgres.psql(f'CREATE DATABASE "{name}"')
    postgres.psql("CREATE SCHEMA other", database=name)
    yield name


def lay(site: Site, url: str, *, main: str = _MAIN, tables: str = _TABLES) -> None:
    for path, text in (("models.py", _MODELS), ("tables.py", tables), ("main.py", main)):
        site.write(f"app/{path}", text)
    site.write("unstale.toml", _SETTINGS)
    site.write(".env", f"DATABASE_URL={url}\n")


def python(site: Site, *words: str, **more: str) -> str:
    argv = [sys.executable, "-W", "ignore", *words]
    done = subprocess.run(
        argv, cwd=site.root, env=site.environ(**more), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def alembic(site: Site, *words: str, **more: str) -> str:
    return python(site, "-m", "alembic", *words, **more)


def adopt(site: Site) -> str:
    """Adopt, find no drift, and return the revision."""
    done = site.unstale("db", "adopt", "--yes", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["differences"] == []
    assert all(PASSWORD not in path.read_text() for path in site.root.rglob("alembic/**/*.py"))
    return str(document["revision"])


def require_current(site: Site, revision: str) -> None:
    """Hold that alembic sees the head, and that its own comparison finds nothing to do."""
    assert f"{revision} (head)" in alembic(site, "current")
    alembic(site, "upgrade", "head")
    alembic(site, "revision", "--autogenerate", "-m", "nothing")
    (script,) = site.root.glob("alembic/versions/*_nothing.py")
    code = [line.strip() for line in script.read_text().splitlines()]
    assert not [line for line in code if line.startswith("op.")]
    assert code.count("pass") == 2
    script.unlink()


@pytest.mark.parametrize("driver", ["+psycopg", "+asyncpg"])
def test_alembic_runs_what_adoption_wrote_for_postgresql(
    site: Site, postgres: Cluster, place: str, driver: str
) -> None:
    url = postgres.url(place.replace(" ", "%20"), driver=driver)
    lay(site, url, main=_MAIN if driver == "+psycopg" else _ASYNC_MAIN, tables=_TABLES + _MORE)
    start = "import app.main"
    if driver == "+asyncpg":
        start = "import asyncio; from app.main import start; asyncio.run(start())"
    python(site, "-c", start)
    postgres.psql(_ROWS, database=place)
    require_current(site, adopt(site))
    assert postgres.psql('SELECT count(*) FROM "Player"', database=place) == "2"
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
    assert postgres.psql(keys, database=place) == "3"  # none was taken for drift

    fresh = f"{place} fresh"
    postgres.psql(f'CREATE DATABASE "{fresh}"')
    more = {"DATABASE_URL": postgres.url(fresh.replace(" ", "%20"), driver=driver)}
    for words in (["upgrade", "head"], ["downgrade", "base"], ["upgrade", "head"], ["check"]):
        alembic(site, *words, **more)
    assert postgres.psql(keys, database=fresh) == "3"
    percent = "SELECT string_agg(pg_get_constraintdef(oid), ' ' ORDER BY pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype = 'c' AND connamespace NOT IN (11, 'information_schema'::regnamespace)"
    assert postgres.psql(percent, database=fresh) == postgres.psql(percent, database=place)


def test_alembic_runs_what_adoption_wrote_for_sqlite(site: Site) -> None:
    lay(site, "sqlite:///./app.db", main=_MAIN.replace('environ["DATABASE_URL"]', _EITHER))
    site.write(".env", "database_url=sqlite:///./app.db\n")  # as pydantic-settings may have it
    python(site, "-c", "import app.main")
    require_current(site, adopt(site))
    more = {"DATABASE_URL": "sqlite:///./fresh.db"}
    for words in (["upgrade", "head"], ["downgrade", "base"], ["upgrade", "head"], ["check"]):
        alembic(site, *words, **more)


def test_url_that_is_set_nowhere_is_asked_for_by_its_name(
    site: Site, postgres: Cluster, place: str
) -> None:
    url = postgres.url(place.replace(" ", "%20"), driver="+psycopg")
    main = _MAIN.replace('environ["DATABASE_URL"]', 'environ.get("DATABASE_URL", "sqlite://")')
    lay(site, "", main=main)
    (site.root / ".env").unlink()
    site.write("unstale.toml", f'{_SETTINGS}[database]\nurl = "{url}"\n')
    python(site, "-c", "import app.main", DATABASE_URL=url)
    adopt(site)
    argv = [sys.executable, "-m", "alembic", "current"]
    done = subprocess.run(argv, cwd=site.root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "DATABASE_URL is not set: it holds the URL of the database\n",
    )
    assert "(head)" in alembic(site, "current", DATABASE_URL=url)


def test_tables_of_a_second_database_are_not_asked_of_the_first(site: Site) -> None:
    lay(site, "sqlite:///./app.db")
    site.write(
        "app/other.py",
        "import sqlalchemy as sa\n\n"
        'metadata = sa.MetaData(info={"bind_key": "other"})  # as Flask-SQLAlchemy marks it\n'
        'far = sa.Table("far", metadata, sa.Column("id", sa.Integer, primary_key=True))\n',
    )
    site.write("app/main.py", _MAIN.replace("models, tables", "models, other, tables"))
    python(site, "-c", "import app.main")
    adopt(site)
    assert "far" not in "".join(path.read_text() for path in site.root.rglob("*_baseline.py"))


def test_core_tables_without_a_class_are_registered_and_named(site: Site) -> None:
    site.write(
        "app/tables.py",
        "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n"
        'box = sa.Table("box", metadata, sa.Column("id", sa.Integer, primary_key=True))\n',
    )
    site.write(
        "app/more.py",
        "import sqlalchemy as sa\n\nfrom app.tables import box, metadata\n\n"
        'lid = sa.Table("lid", metadata, sa.Column("box_id", sa.ForeignKey("box.id")))\n',
    )
    site.write(
        "app/main.py",
        "from fastapi import FastAPI\nfrom sqlalchemy import create_engine\n\n"
        "from app.more import lid\nfrom app.tables import metadata\n\n"
        'metadata.create_all(create_engine("sqlite:///./app.db"))\napp = FastAPI()\n',
    )
    site.write("unstale.toml", _SETTINGS)
    python(site, "-c", "import app.main")
    require_current(site, adopt(site))
    env = (site.root / "alembic/env.py").read_text()
    assert "import app.main" not in env  # that only imports what the others make
    assert "target_metadata = metadata\n" in env


def test_flask_factory_is_called_with_what_flask_reads_so_that_its_models_are_seen(
    site: Site,
) -> None:
    """Models that only the factory imports, and a URL that only the .env of `flask run` holds."""
    site.write(
        "app/__init__.py",
        "import os\n\nfrom flask import Flask\n\n\n"
        "def create_app(config=None):\n"
        "    app = Flask(__name__)\n"
        '    app.config["URL"] = os.environ["DATABASE_URL"]\n'
        "    from app import models\n"
        "    from sqlalchemy import create_engine\n\n"
        '    models.Base.metadata.create_all(create_engine(app.config["URL"]))\n'
        "    return app\n",
    )
    (site.root / "app/main.py").unlink()
    site.write(
        "app/models.py",
        _MODELS.replace(
            'sa.ForeignKey("word.id", use_alter=True', 'sa.ForeignKey("team.id", use_alter=True'
        ),
    )
    site.write("unstale.toml", f'[backend]\npath = "."\npython = "{sys.executable}"\n')
    site.write("requirements.txt", "flask\nalembic\n")
    site.write(".env", "DATABASE_URL=sqlite:///./app.db\n")
    python(site, "-c", "import app; app.create_app()", DATABASE_URL="sqlite:///./app.db")
    require_current(site, adopt(site))
