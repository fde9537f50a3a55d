"""The wheel alone, in repositories that nobody here wrote: silent when they are healthy, and not blind."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from scaffold import Scaffold, Told, build_wheel, make_environment, run

pytestmark = pytest.mark.lab

IGNORED = ".venv/\n__pycache__/\n*.sqlite3\n*.db\n"

RUNSERVER = (".venv/bin/python", "manage.py", "runserver")
GUNICORN = (".venv/bin/gunicorn", "store.wsgi", "-w", "2", "-b")

DJANGO_SETTINGS = """
TEMPLATES[0]["DIRS"] = [BASE_DIR / "web/dist"]
STATICFILES_DIRS = [BASE_DIR / "web/dist"]
"""

DJANGO_URLS = """
from django.views.generic import TemplateView

urlpatterns.append(path("", TemplateView.as_view(template_name="index.html")))
"""

VITE_UNDER_STATIC = """\
import { defineConfig } from "vite";

export default defineConfig({ base: "/static/" });
"""

FLASK_APP = """\
from flask import Flask
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

engine = create_engine("sqlite:///shop.db")


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


app = Flask(__name__)


@app.get("/")
def count():
    with Session(engine) as session:
        return {"items": session.scalar(select(func.count()).select_from(Item))}
"""

FASTAPI_APP = """\
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

app = FastAPI()


@app.get("/api/hello")
def hello():
    return {"hello": "world"}


app.mount("/", StaticFiles(directory="web/dist", html=True))
"""

SQLMODEL_MODELS = """\
from typing import Optional

from sqlmodel import Field, SQLModel, create_engine

engine = create_engine("sqlite:///shop.db")


class Item(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    name: str
"""

SQLMODEL_APP = """\
from fastapi import FastAPI
from sqlmodel import Session, select

from models import Item, engine
from words import GREETING

app = FastAPI()


@app.get("/")
def items() -> dict:
    with Session(engine) as session:
        return {GREETING: len(session.exec(select(Item)).all())}
"""

CREATE_TABLES = "from models import SQLModel, engine; SQLModel.metadata.create_all(engine)"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("scaffolds")
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def tool(scratch: Path) -> Path:
    """The wheel and what it asks for, in an environment of nothing else."""
    wheel = build_wheel(scratch / "wheel")
    return make_environment(scratch / "tool", wheel) / "unstale"


@pytest.fixture(scope="module")
def django(scratch: Path, tool: Path) -> Iterator[Scaffold]:
    """`django-admin startproject` with `npm create vite`, migrated, under `runserver --noreload`."""
    admin = make_environment(scratch / "django-admin", "django") / "django-admin"
    run(admin, "startproject", "store", cwd=scratch)
    made = Scaffold(scratch / "store", tool)
    try:
        made.write("requirements.txt", "django\ngunicorn\n")
        made.write(".gitignore", IGNORED)
        make_environment(made.root, "-r", "requirements.txt")
        made.create_vite("vanilla-ts", **{"vite.config.ts": VITE_UNDER_STATIC})
        made.append("store/settings.py", DJANGO_SETTINGS)
        made.append("store/urls.py", DJANGO_URLS)
        made.run(made.bin / "python", "manage.py", "migrate", "-v0")
        made.publish()
        made.serve(*RUNSERVER, "--noreload", made.address)
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def flask(scratch: Path, tool: Path) -> Iterator[Scaffold]:
    """A Flask app with SQLAlchemy models and `alembic init`, migrated, under gunicorn."""
    made = Scaffold(scratch / "flask-shop", tool)
    try:
        made.write("requirements.txt", "flask\ngunicorn\nsqlalchemy>=2\nalembic\n")
        made.write(".gitignore", IGNORED)
        made.write("app.py", FLASK_APP)
        make_environment(made.root, "-r", "requirements.txt")
        made.run(made.bin / "alembic", "init", "migrations")
        made.replace("alembic.ini", "driver://user:pass@localhost/dbname", "sqlite:///shop.db")
        metadata = "from app import Base\n\ntarget_metadata = Base.metadata"
        made.replace("migrations/env.py", "target_metadata = None", metadata)
        made.run(made.bin / "alembic", "revision", "--autogenerate", "-m", "begin")
        made.run(made.bin / "alembic", "upgrade", "head")
        made.publish()
        made.serve(".venv/bin/gunicorn", "-w", "2", "-b", made.address, "app:app")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def fastapi(scratch: Path, tool: Path) -> Iterator[Scaffold]:
    """`npm create vite` served by FastAPI under uvicorn, with an unpinned requirements.txt."""
    made = Scaffold(scratch / "fast-shop", tool)
    try:
        made.write("requirements.txt", "fastapi\nuvicorn\n")
        made.write(".gitignore", IGNORED)
        made.write("main.py", FASTAPI_APP)
        made.write("compose.yaml", "services:\n  web:\n    build: .\n")
        made.write("Dockerfile", "FROM python:3.12-slim\nCOPY . .\n")
        make_environment(made.root, "-r", "requirements.txt")
        made.create_vite("react-ts")
        made.publish()
        made.serve(".venv/bin/uvicorn", "main:app", "--port", str(made.port))
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def python39(scratch: Path, tool: Path) -> Iterator[Scaffold]:
    """A FastAPI app with SQLModel tables whose environment is Python 3.9."""
    python = find_python39()
    made = Scaffold(scratch / "old-shop", tool)
    try:
        made.write("requirements.txt", "fastapi\nuvicorn\nsqlmodel\n")
        made.write(".gitignore", IGNORED)
        made.write("main.py", SQLMODEL_APP)
        made.write("models.py", SQLMODEL_MODELS)
        made.write("words.py", 'GREETING = "one"\n')
        make_environment(made.root, "-r", "requirements.txt", python=python)
        made.run(made.bin / "python", "-c", CREATE_TABLES)
        made.publish()
        made.serve(".venv/bin/uvicorn", "main:app", "--port", str(made.port))
        yield made
    finally:
        made.end()


def find_python39() -> str:
    """Return a Python 3.9; a machine of ours must have one, another may do without this proof."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places = [shutil.which("python3.9"), *sorted(pyenv.glob("versions/3.9*/bin/python3.9"))]
    for place in filter(None, places):
        asked = [str(place), "-c", "import venv, sys; print(sys.version_info[:2] == (3, 9))"]
        # a shim of pyenv is on PATH and fails when its version is not the chosen one
        if subprocess.run(asked, capture_output=True, text=True).stdout == "True\n":
            return str(place)
    if os.environ.get("CI"):
        pytest.fail("no Python 3.9 on this machine: install python3.9, or pyenv install 3.9")
    pytest.skip("no Python 3.9 on this machine")


@pytest.fixture
def scaffold(request: pytest.FixtureRequest) -> Scaffold:
    made: Scaffold = request.getfixturevalue(request.param)
    return made


LOOKED_AT = {
    "django": ("GIT", "ENV", "PYC", "NPM", "BLD", "DBF", "PRC"),
    "flask": ("GIT", "ENV", "PYC", "DBF", "SCH", "PRC"),
    "fastapi": ("GIT", "ENV", "PYC", "NPM", "BLD", "PRC"),
    "python39": ("GIT", "ENV", "PYC", "DBF", "SCH", "PRC"),
}
SCAFFOLDS = ("django", "flask", "fastapi")


def healthy(made: Scaffold, path: str | None = None) -> Told:
    """Assert that nothing is stale, unknown or crashed, in JSON and in text; return the JSON."""
    told = made.check(path)
    report = told.report
    assert (told.stale, report["unknown"], report["crashed"]) == ([], [], [])
    assert (report["verdict"], told.code) == ("fresh", 0)
    shown = made.unstale("check", path=path)
    assert shown.code == 0
    assert "Traceback" not in told.err + shown.out + shown.err
    return told


def found(made: Scaffold, code: str) -> None:
    told = made.check()
    assert code in told.stale, told.out
    assert (told.report["verdict"], told.code) == ("stale", 1)


def cured(made: Scaffold, *codes: str) -> None:
    fixed = made.unstale("fix", *codes, "--yes")
    assert fixed.code == 0, fixed.out + fixed.err
    healthy(made)


def alter_table(words: str) -> str:
    """Return the statement that a person is told to run."""
    return next(line.strip() for line in words.splitlines() if "ALTER TABLE" in line)


def age() -> None:
    """Let a server's start-up margin pass, so that a later write counts as later."""
    time.sleep(2.3)


@pytest.mark.parametrize(
    ("scaffold", "layers"), [(name, LOOKED_AT[name]) for name in LOOKED_AT], indirect=["scaffold"]
)
def test_healthy_scaffold_is_fresh_by_looking(scaffold: Scaffold, layers: tuple[str, ...]) -> None:
    told = healthy(scaffold)
    states = {name: told.layer(name)[0] for name in layers}
    assert states == dict.fromkeys(layers, "fresh")


@pytest.fixture(scope="module")
def without(scratch: Path) -> Callable[..., str]:
    """Return a PATH on which everything is but the named programs; without a name, nothing is."""

    def path(*missing: str) -> str:
        place = scratch / "-".join(("path", *missing))
        if not place.exists():
            place.mkdir()
            for directory in os.environ["PATH"].split(os.pathsep) if missing else ():
                for program in Path(directory).glob("*"):
                    link = place / program.name
                    if program.name not in missing and not link.is_symlink():
                        link.symlink_to(program)
        return str(place)

    return path


@pytest.mark.parametrize("missing", [("git",), ("npm", "npx"), ("docker",), ()], ids="-".join)
@pytest.mark.parametrize("scaffold", SCAFFOLDS, indirect=True)
def test_missing_program_is_a_sentence_and_no_fault(
    scaffold: Scaffold, missing: tuple[str, ...], without: Callable[..., str]
) -> None:
    with_all = scaffold.check()
    told = healthy(scaffold, without(*missing))
    changed = {
        line["layer"]: (line["state"], line["summary"])
        for line, former in zip(told.report["layers"], with_all.report["layers"], strict=True)
        if line != former
    }
    no_git = {"GIT": ("absent", "git is not installed on this machine")}
    assert changed == ({} if missing and "git" not in missing else no_git)
    state, sentence = told.layer("DKR")
    assert (state, bool(sentence)) == ("absent", True)


def test_repair_that_needs_a_missing_npm_says_so_and_changes_nothing(
    fastapi: Scaffold, without: Callable[..., str]
) -> None:
    page = fastapi.page()
    fastapi.append("web/src/main.tsx", "console.log('later')\n")
    fastapi.commit("front end")
    found(fastapi, "BLD001")
    refused = fastapi.unstale("fix", "--yes", path=without("npm", "npx"))
    assert refused.code == 2, refused.out + refused.err
    assert "npm is not installed on this machine" in refused.out + refused.err
    assert "Traceback" not in refused.out + refused.err
    assert fastapi.page() == page
    cured(fastapi)
    assert fastapi.page() != page


def test_commit_under_uvicorn_is_an_older_process(fastapi: Scaffold) -> None:
    age()
    fastapi.replace("main.py", '"world"', '"later world"')
    fastapi.commit("back end")
    found(fastapi, "PRC001")
    cured(fastapi)
    assert fastapi.page("/api/hello") == '{"hello":"later world"}'


@pytest.mark.parametrize(
    "server", [(*RUNSERVER, "--noreload"), GUNICORN], ids=["noreload", "gunicorn"]
)
def test_commit_under_django_is_an_older_process(django: Scaffold, server: tuple[str, ...]) -> None:
    django.restart(*server, django.address)
    healthy(django)
    age()
    later = f"later-{server[1]}/"
    django.append(
        "store/urls.py", f'urlpatterns.append(path("{later}", urlpatterns[1].callback))\n'
    )
    assert django.page(f"/{later}") is None
    django.commit("back end")
    found(django, "PRC001")
    cured(django)
    assert django.page(f"/{later}") == django.page()


def test_reloading_runserver_is_asked_through_its_child(django: Scaffold) -> None:
    django.restart(*RUNSERVER, django.address)
    told = healthy(django)
    assert told.layer("HTP")[1] == f"http://{django.address} 200"
    for _ in range(3):
        django.append("store/urls.py", "\n")
        healthy(django)
    django.commit("layout")
    django.restart(*RUNSERVER, "--noreload", django.address)


def test_revision_that_was_not_applied_is_a_schema_behind(flask: Scaffold) -> None:
    flask.run(flask.bin / "alembic", "revision", "-m", "later")
    flask.commit("revision")
    found(flask, "SCH001")
    cured(flask)
    assert "(head)" in flask.run(flask.bin / "alembic", "current")


def test_revision_that_fails_leaves_the_former_server_at_work(flask: Scaffold) -> None:
    age()
    flask.run(flask.bin / "alembic", "revision", "-m", "broken")
    (broken,) = (flask.root / "migrations/versions").glob("*_broken.py")
    broken.write_text(broken.read_text() + "\n\nraise RuntimeError('no such luck')\n")
    flask.replace(
        "app.py", "    name: Mapped[str]\n", "    name: Mapped[str]\n    price: Mapped[int]\n"
    )
    flask.commit("revision")
    page = flask.page()
    found(flask, "SCH001")
    assert flask.unstale("fix", "--yes").code == 1
    assert flask.page() == page
    broken.unlink()
    flask.replace("app.py", "    price: Mapped[int]\n", "")
    flask.commit("back")
    healthy(flask)
    flask.restart(*flask.server)  # without git nobody could know that the source is what it was


def test_commit_under_gunicorn_is_an_older_process(flask: Scaffold) -> None:
    age()
    flask.replace("app.py", '"items"', '"later items"')
    flask.commit("back end")
    found(flask, "PRC001")
    cured(flask)
    assert flask.page() == '{"later items":0}\n'


def test_missing_requirement_is_found_and_installed_for_python39(python39: Scaffold) -> None:
    python39.append("requirements.txt", "itsdangerous\n")
    python39.commit("requirement")
    found(python39, "ENV001")
    cured(python39)
    python39.run(python39.bin / "python", "-c", "import itsdangerous")


def test_bytecode_that_hides_a_source_is_found_for_python39(python39: Scaffold) -> None:
    source = python39.root / "words.py"
    times = source.stat()
    python39.replace("words.py", "one", "two")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    found(python39, "PYC001")
    cured(python39)
    assert python39.page() == '{"two":0}'


def test_column_that_the_database_lacks_is_found_for_python39(python39: Scaffold) -> None:
    age()
    page = python39.page()
    python39.append("models.py", "    price: Optional[int] = None\n")
    python39.commit("column")
    found(python39, "SCH006")
    fixed = python39.unstale("fix", "--yes")
    assert fixed.code == 1, fixed.out + fixed.err
    assert python39.page() == page
    with closing(sqlite3.connect(python39.root / "shop.db")) as database:
        database.execute(alter_table(fixed.out))
    cured(python39)
    assert python39.page() == page
