"""What a project is made of, from its files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstale.detect import find_project
from unstale.local import LocalHost
from unstale.project import Project


def project(root: Path, files: dict[str, str]) -> Project:
    (root / "requirements.txt").touch()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return find_project(root, LocalHost())


@pytest.mark.parametrize(
    ("source", "kind", "app"),
    [
        ("from fastapi import FastAPI\napp = FastAPI()\n", "fastapi", "main:app"),
        ("import fastapi\napi: object = fastapi.FastAPI()\n", "fastapi", "main:api"),
        (
            "def create_app():\n    app = Flask(__name__)\n    return app\n",
            "flask",
            "main:create_app",
        ),
        ("def f():\n    x = Flask('a')\n\napp = Flask('b')\n", "flask", "main:app"),
        ("app = Starlette()\nbroken = (\n", "starlette", "main:app"),
    ],
)
def test_source_says_what_makes_the_app(tmp_path: Path, source: str, kind: str, app: str) -> None:
    found = project(tmp_path, {"main.py": source}).backends
    assert [(each.kind, each.app) for each in found] == [(kind, app)]


@pytest.mark.parametrize(
    "text",
    [
        "DATABASE_URL=sqlite:///./app.db  # local\n",
        "database_url=sqlite:///./app.db\n",
        "export DATABASE_URL='sqlite:///./app.db'\n",
        "TEST_DATABASE_URL=sqlite:///./test.db\nDATABASE_URL=sqlite:///./app.db\n",
        "ANALYTICS_DB_URL=sqlite:///./other.db\nDB_URL=sqlite:///./app.db\n",
    ],
)
def test_env_file_names_the_database_as_its_readers_read_it(tmp_path: Path, text: str) -> None:
    found = project(tmp_path, {"main.py": "app = FastAPI()\n", ".env": text})
    assert [each.url for each in found.databases] == ["sqlite:///./app.db"]


def test_url_in_source_is_found_beside_an_env_py_that_puts_one_together(tmp_path: Path) -> None:
    files = {
        "main.py": "app = FastAPI()\n",
        "alembic/env.py": 'url = f"sqlite:///{HERE}/../app.db"\n',
        "app/db.py": 'URL = "sqlite:///./app.db"\n',
    }
    assert [each.url for each in project(tmp_path, files).databases] == ["sqlite:///./app.db"]
    (tmp_path / "app/db.py").unlink()
    assert [each.url for each in project(tmp_path, {}).databases] == ["sqlite:///{HERE}/../app.db"]


@pytest.mark.parametrize(
    ("lock", "packager"),
    [("yarn.lock", "yarn"), ("bun.lock", "bun"), ("pnpm-lock.yaml", "pnpm"), ("other", "npm")],
)
def test_other_packagers_lock_beats_npms(tmp_path: Path, lock: str, packager: str) -> None:
    manifest = '{"scripts": {"build": "vite build"}}'
    files = {"package.json": manifest, "package-lock.json": '{"packages": {}}', lock: ""}
    (front,) = project(tmp_path, files).frontends
    assert front.packager == packager


@pytest.mark.parametrize(
    "source", ['TEMPLATE = """\napp = FastAPI()\n"""\n', "# app = FastAPI()\n", "make(Flask)\n"]
)
def test_words_of_an_app_that_make_none_are_no_back_end(tmp_path: Path, source: str) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"build": "vite build"}}')
    assert project(tmp_path, {"main.py": source}).backends == ()


def test_nearest_and_likeliest_source_wins(tmp_path: Path) -> None:
    made = "app = FastAPI()\n"
    found = project(
        tmp_path, dict.fromkeys(("zoo.py", "main.py", "deep/main.py", "tests/main.py"), made)
    )
    assert [each.app for each in found.backends] == ["main:app"]


def test_entry_in_a_package_is_named_as_it_is_imported(tmp_path: Path) -> None:
    found = project(tmp_path, {"shop/__init__.py": "app = FastAPI()\n"})
    assert found.backends[0].app == "shop:app"
