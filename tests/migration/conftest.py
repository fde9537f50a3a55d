"""Real alembic projects, made by `alembic init` or as the example has it, and a runner that is killed where a test says."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

GUARD = Path(__file__).parents[2] / "src/unstale/guard/run_migrations.py"
KILLER = Path(__file__).parent / "killer.py"
EXAMPLE_ENV = Path(__file__).parents[2] / "examples/ai_exchange/backend/alembic/env.py"
FIRST = """'''People and their notes'''
import sqlalchemy as sa
from alembic import op
revision = "aaa1"
down_revision = None


def upgrade():
    op.create_table(
        "person",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
    )
    op.create_table(
        "note",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE")),
        sa.Column("text", sa.Text),
    )
"""
SECOND = """'''Mail addresses'''
import sqlalchemy as sa
from alembic import op
revision = "bbb2"
down_revision = "aaa1"


def upgrade():
    with op.batch_alter_table("person", recreate="always") as batch:
        batch.add_column(sa.Column("email", sa.String(50)))
    op.execute(sa.text("update person set email = :host where id < 3").bindparams(host="canary-Param-1"))
    op.create_index("ix_person_email", "person", ["email"])
"""
TOML = f"""[backend]
app = "app.main:app"
python = "{sys.executable}"
[database]
url = "sqlite:///./app.db"
"""


class Shop:
    """A site with an alembic history; `alembic` runs it by hand, as a person would."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.root: Path = site.root
        self.database = self.root / "app.db"
        self.write = site.write
        self.unstale = site.unstale

    def alembic(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "alembic", *words],
            cwd=self.root,
            env=self.site.environ(),
            capture_output=True,
            text=True,
            check=True,
        )

    def sql(self, *statements: str) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as db:
            rows = [db.execute(each).fetchall() for each in statements]
            db.commit()
        return rows[-1] if rows else []

    def dump(self) -> list[str]:
        with closing(sqlite3.connect(self.database)) as db:
            return list(db.iterdump())

    def migrate(self, *words: str) -> dict[str, Any]:
        """Run the command; return its document, and what it said on stderr and its exit code in it."""
        done = self.unstale("db", "migrate", *words, "--format", "json")
        assert done.stdout, done.stderr
        return {**json.loads(done.stdout), "stderr": done.stderr, "code": done.returncode}

    def journal(self) -> list[dict[str, Any]]:
        paths = list(self.site.state.rglob("journal.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def kills(self, points: Iterable[str], check: str = "") -> list[dict[str, Any]]:
        """Run the migration once for each point, killed there, and once more; return what each left.

        With the URL of a server's database, `check`, only the last run is made once more.
        """
        record = str(self.root.parent / "record.jsonl")
        words = {"config": "alembic.ini", "target": "head", "record": record}
        done = subprocess.run(
            [sys.executable, str(KILLER), str(GUARD), json.dumps(words), *points],
            cwd=self.root,
            env=self.site.environ(CHECK_URL=check),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="session")
def initiated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a directory in which `alembic init` was run with that template, once."""
    made: dict[str, Path] = {}

    def initiate(template: str) -> Path:
        if template not in made:
            made[template] = tmp_path_factory.mktemp(template)
            argv = [sys.executable, "-m", "alembic", "init", "-t", template, "migrations"]
            subprocess.run(argv, cwd=made[template], check=True, capture_output=True)
        return made[template]

    return initiate


@pytest.fixture
def shop(site: Any, initiated: Callable[[str], Path]) -> Callable[..., Shop]:
    """Return a maker of a project whose env.py is a template's or given, migrated to its first revision."""

    def make(
        template: str = "generic",
        *,
        url: str = "sqlite:///./app.db",
        env: str = "",
        second: str = SECOND,
        shown: str | None = None,
    ) -> Shop:
        shutil.copytree(initiated(template), site.root, dirs_exist_ok=True)
        made = Shop(site)
        ini = (site.root / "alembic.ini").read_text()
        line = next(each for each in ini.splitlines() if each.startswith("sqlalchemy.url"))
        made.write("alembic.ini", ini.replace(line, f"sqlalchemy.url = {url}"))
        if env:
            made.write("migrations/env.py", env)
        made.write("migrations/versions/a.py", FIRST)
        made.write(
            "unstale.toml", TOML.replace("sqlite:///./app.db", shown or "sqlite:///./app.db")
        )
        made.alembic("upgrade", "head")
        made.write("migrations/versions/b.py", second)
        return made

    return make


@pytest.fixture
def filled(shop: Callable[..., Shop]) -> Shop:
    """Return a plain `alembic init` project with rows in a WAL database."""
    made = shop()
    made.sql(
        "pragma journal_mode=wal",
        *(f"insert into person (name) values ('p{each}')" for each in range(4)),
        "insert into note (person_id, text) values (1, 'canary-Row-1')",
    )
    return made


@pytest.fixture
def second() -> str:
    """Return the second revision's script."""
    return SECOND
