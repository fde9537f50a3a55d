"""A secret that the project holds appears in nothing that is printed, recorded, journaled or named."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from conftest import wait_for

from unstale.cli import program

if TYPE_CHECKING:
    from conftest import Site

CANARY = "CaNaRy7x9"
"""Each place has its own ending, so that a leak says where it comes from."""

MAIN = """\
import os, sys
import uvicorn
from dotenv import load_dotenv
from fastapi import FastAPI
from app.words import GREETING
from app.models import engine
load_dotenv()
app = FastAPI()

@app.get("/")
def hello() -> dict[str, str]:
    return {"hello": GREETING}

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]))
"""
MODELS = """\
from sqlmodel import Field, SQLModel, create_engine
class Item(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str | None = None
engine = create_engine("sqlite:///./shop.db")
"""
MIGRATE = """\
from alembic import context
from sqlalchemy import create_engine
with create_engine("sqlite:///./shop.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""
ENV = f"""\
DATABASE_URL=sqlite:///./shop.db
SECRET_KEY={CANARY}-key
GREETING="{CANARY}-greeting"
ANALYTICS_DB_URL=postgresql://app:{CANARY}-env/url@db.invalid/x
SENTRY_DSN=https://{CANARY}-dsn@sentry.invalid/1
"""
COMPOSE = f"""\
services:
  app:
    build: .
    environment:
      SECRET_KEY: {CANARY}-compose
      GREETING: {CANARY}-composed
"""
INI = f"""\
[alembic]
script_location = migrations
sqlalchemy.url = postgresql://app:{CANARY}-ini@db.invalid/x
"""


def first(number: int, before: str | None, statement: str) -> str:
    return (
        f"from alembic import op\nrevision = 'r{number}'\ndown_revision = {before!r}\n"
        f"def upgrade():\n    op.execute({statement!r})\ndef downgrade():\n    pass\n"
    )


@pytest.fixture
def keeper(site: Site) -> Site:
    """A project that has a secret in every place where one is kept, and its running server."""
    site.write("app/main.py", MAIN)
    site.write("app/models.py", MODELS)
    site.write(".env", ENV)
    site.write("compose.yaml", COMPOSE)
    site.write("alembic.ini", INI)
    site.write("migrations/env.py", MIGRATE)
    site.write(
        "migrations/versions/r1.py", first(1, None, "CREATE TABLE item (id INTEGER, name TEXT)")
    )
    site.commit()
    site.git("remote", "add", "origin", f"https://user:{CANARY}-git@example.invalid/x.git")
    site.git("update-ref", "refs/remotes/origin/main", "HEAD")
    site.git("branch", "--set-upstream-to=origin/main")
    done = site.run([sys.executable, "-m", "alembic", "upgrade", "head"])
    assert done.wait() == 0, site.log.read_text()
    start(site)
    return site


def start(site: Site) -> None:
    """Start the server with a secret in each kind of argument, and in its environment."""
    argv = [sys.executable, "app/main.py", "--api-key", f"{CANARY} argv", f"--token={CANARY} is"]
    argv += [f"postgresql://app:{CANARY}/p@ss@db.invalid/x", f"redis://:{CANARY}-redis@db.invalid"]
    argv += ["-H", f"Authorization: Bearer {CANARY}-bearer", f"GITHUB_TOKEN={CANARY} env argv"]
    argv += [json.dumps({"password": f"{CANARY}-json"}), f"os.environ['API_KEY']='{CANARY}-code'"]
    secrets = {"API_TOKEN": f"{CANARY}-environ", "SECRET_KEY": f"{CANARY}-beaten"}
    site.run(argv, PYTHONPATH=str(site.root), PORT=str(site.port), **secrets)
    wait_for(lambda: site.answer() is not None)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """What we keep is private by itself, not by the umask of whoever calls."""
    before = os.umask(0)
    yield
    os.umask(before)


def silent(text: str, where: str) -> str:
    leaks = [line for line in text.splitlines() if CANARY in line]
    assert not leaks, f"{where}: {leaks[0]}"
    return text


def said(site: Site, *words: str, code: int | None = None) -> str:
    """Run the words and return what they said, in which no secret is."""
    done = site.unstale(*words)
    text = silent(done.stdout + done.stderr, " ".join(words))
    assert code in (None, done.returncode), f"{words} {done.returncode}: {text}"
    return text


def kept_silently(site: Site) -> None:
    """No file name and no text under the state and the trash has a secret; what is kept is ours alone to read."""
    places = (site.state, site.root / ".unstale")
    for path in (each for place in places for each in place.rglob("*")):
        silent(str(path), "file name")
        mode = stat.S_IMODE(path.lstat().st_mode)
        if site.state in path.parents:
            assert mode == (0o700 if path.is_dir() else 0o600), f"{path} is {mode:o}"
        elif path.is_dir() and path.parent == site.root / ".unstale":
            assert mode == 0o700, f"{path} is {mode:o}"
        if path.is_file() and path.suffix not in (".db", ".pyc"):
            silent(path.read_text("utf-8", "replace"), str(path))


def test_looking_shows_no_secret(keeper: Site) -> None:
    record = keeper.root.parent / "record.json"
    said(keeper, "check", "-v", "--timings", "--record", str(record))
    silent(record.read_text(), "record")
    report = json.loads(said(keeper, "check", "--format", "json"))
    assert [each["code"] for each in report["findings"] if each["code"] == "CFG002"] == ["CFG002"]
    assert report["crashed"] == []
    said(keeper, "check", "--replay", str(record))
    rows = said(keeper, "ps"), said(keeper, "ps", "--format", "json")
    assert all("--api-key ***" in each and "--token=***" in each for each in rows)
    for form in ("text", "markdown", "json"):
        said(keeper, "checklist", "--format", form, code=1)
    said(keeper, "explain", "CFG001", code=0)
    said(keeper, "init", code=0)
    silent((keeper.root / "unstale.toml").read_text(), "unstale.toml")


def test_changing_and_taking_back_shows_no_secret(keeper: Site, open_umask: None) -> None:
    keeper.old()
    keeper.write("app/words.py", 'GREETING = "two"\n')
    keeper.write(".env", ENV + "MORE=1\n")
    keeper.write("migrations/versions/r2.py", first(2, "r1", "ALTER TABLE item ADD size VARCHAR"))
    said(keeper, "fix", "--dry-run")
    told = said(keeper, "fix", "--yes", "--format", "json")
    steps = json.loads(told[: told.rindex("}") + 1])["steps"]
    done = {code for step in steps if step["state"] == "done" for code in step["codes"]}
    assert {"PRC001", "CFG001", "SCH001"} <= done, steps
    assert keeper.answer() == {"hello": "two"}
    said(keeper, "log")
    said(keeper, "log", "--format", "json")
    kept_silently(keeper)
    assert re.search("restore", said(keeper, "undo", "--yes", code=0))
    kept_silently(keeper)


def test_successor_that_dies_of_a_secret_does_not_tell_it(keeper: Site) -> None:
    """The last lines of a server that cannot start quote the values that it could not use."""
    keeper.old()
    dies = (
        "import os\nfor key in ('GREETING', 'API_TOKEN', 'SENTRY_DSN'):\n"
        "    print('cannot use', repr(os.environ.get(key)))\n"
        "raise ValueError(repr(os.environ['GREETING']) + ' is not one of ours')\n"
    )
    keeper.write("app/words.py", "from dotenv import load_dotenv\nload_dotenv()\n" + dies)
    told = said(keeper, "fix", "PRC001", "--yes", code=1)
    assert "is not one of ours" in told
    said(keeper, "log")
    kept = list(keeper.state.rglob("journal.jsonl"))
    assert len(kept) == 1
    silent(kept[0].read_text(), "journal")


def test_failing_migration_does_not_tell_what_it_fails_with(keeper: Site) -> None:
    body = "import os\nfrom dotenv import load_dotenv\nload_dotenv()\nraise ValueError(os.environ['GREETING'])\n"
    keeper.write("migrations/versions/r2.py", first(2, "r1", "SELECT 1"))
    keeper.write("migrations/env.py", body)
    told = said(keeper, "fix", "SCH001", "--yes", code=1)
    assert "ValueError" in told
    said(keeper, "log")
    kept_silently(keeper)


def test_models_that_cannot_be_imported_do_not_tell_why_in_secrets(keeper: Site) -> None:
    body = "import os\nfrom dotenv import load_dotenv\nload_dotenv()\nraise ValueError(os.environ['GREETING'], os.environ['API_TOKEN'])\n"
    keeper.write("app/words.py", body)
    record = keeper.root.parent / "record.json"
    told = said(keeper, "check", "--record", str(record))
    assert "ValueError" in told
    silent(record.read_text(), "record")


def test_settings_with_a_password_are_not_recorded(site: Site) -> None:
    site.write(
        "unstale.toml",
        f'[database]\nurl = "postgresql://app:{CANARY}/p@ss@db.invalid/x?password={CANARY}"\n',
    )
    record = site.root.parent / "record.json"
    said(site, "check", "-v", "--record", str(record), code=0)
    silent(record.read_text(), "record")


def test_crash_is_told_without_secrets(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unstale.cli import check

    def crash(*words: object, **more: object) -> None:
        raise RuntimeError(f"cannot reach postgresql://app:{CANARY}@db --api-key {CANARY}")

    monkeypatch.setattr(check, "examine", crash)
    monkeypatch.chdir(site.root)
    assert program.run(("check",)) == 4
    out, err = capsys.readouterr()
    assert "cannot reach" in silent(out + err, "crash")
