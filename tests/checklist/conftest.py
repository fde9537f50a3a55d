"""A site with a database, a page, a health route and a log: all well until the files beside it say otherwise."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from conftest import Site

MAIN = """\
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

from app.words import GREETING, engine

app = FastAPI()
RULES = {"Cache-Control": "no-cache"}


@app.get("/")
def hello():
    if Path("page").exists():
        headers = {} if Path("unruled").exists() else RULES
        return HTMLResponse('<script src="/assets/index-B4nEOx9Z.js"></script>', headers=headers)
    return {"hello": GREETING}


@app.get("/boom")
def boom(token: str = ""):
    raise ValueError(f"no such role: {token}")


@app.get("/health")
def health():
    return JSONResponse({}, 503) if Path("unwell").exists() else {"status": "ok"}
"""
WORDS = """\
from dotenv import load_dotenv
from sqlmodel import Field, SQLModel, create_engine

load_dotenv()


class Item(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)


engine = create_engine("sqlite:///./shop.db")
GREETING = "one"
"""
SECRET = "CaNaRy7x9"
ENV = f"DATABASE_URL=sqlite:///./shop.db\nSECRET_KEY={SECRET}\n"
PACKAGE = {"name": "web", "scripts": {"build": "true"}, "dependencies": {"left": "1.0.0"}}


@pytest.fixture
def shop(site: Site) -> Site:
    site.write("app/main.py", MAIN)
    site.write("app/words.py", WORDS)
    site.write(".env", ENV)
    site.write(".gitignore", "__pycache__/\nnode_modules/\n*.db*\n.env\npage\nun*\n.unstale/\n")
    lay_front_end(site, "1.0.0")
    with closing(sqlite3.connect(site.root / "shop.db")) as database:
        database.execute("CREATE TABLE item (id INTEGER NOT NULL PRIMARY KEY)")
        database.commit()
    site.commit()
    bare = site.root.parent / "origin.git"
    site.git("clone", "-q", "--bare", ".", str(bare))
    site.git("remote", "add", "origin", str(bare))
    site.git("fetch", "-q")
    site.git("branch", "-q", "--set-upstream-to=origin/main")
    return site


def lay_front_end(site: Site, installed: str) -> None:
    """Write a front end whose lock says 1.0.0 of its one package."""
    locked = {"node_modules/left": {"version": "1.0.0"}}
    there = {"node_modules/left": {"version": installed}}
    site.write("web/package.json", json.dumps(PACKAGE))
    lock = {"lockfileVersion": 3, "packages": {"": {"dependencies": {"left": "1.0.0"}}, **locked}}
    site.write("web/package-lock.json", json.dumps(lock))
    hidden = {"lockfileVersion": 3, "packages": there}
    site.write("web/node_modules/.package-lock.json", json.dumps(hidden))
    left = {"name": "left", "version": installed}
    site.write("web/node_modules/left/package.json", json.dumps(left))


def fetch(site: Site, path: str) -> None:
    """Ask the site, whatever it answers."""
    with suppress(HTTPError):
        urlopen(f"http://127.0.0.1:{site.port}{path}", timeout=5).close()


def points(site: Site, *words: str) -> dict[str, dict[str, Any]]:
    """Return the points by name; the exit code is held against them."""
    done = site.unstale("checklist", "--format", "json", *words)
    assert done.stdout, done.stderr
    found = {each["point"]: each for each in json.loads(done.stdout)["points"]}
    failed = [each for each in found.values() if each["state"] == "failed"]
    assert done.returncode == (1 if failed else 0), done.stdout + done.stderr
    return found
