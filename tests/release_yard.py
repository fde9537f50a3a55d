"""A small project that can be released, and the run that releases it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from changes import found

from unstale.action import Action
from unstale.actions.releasing import Wanted, releasing
from unstale.deploy.home import Home, home_of
from unstale.deploy.manifest import COMMITTED, Manifest, change, releases
from unstale.fact import Facts
from unstale.host import Host
from unstale.layer import Risk
from unstale.perform import Outcome, begin, perform
from unstale.plan import Plan, Step

if TYPE_CHECKING:
    from conftest import Site

APP = """\
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.words import GREETING


def hello(request):
    return PlainTextResponse(GREETING)


app = Starlette(routes=[Route("/", hello)])
"""


def releasable(site: Site) -> None:
    """Make the site an app of two small packages, with a database, an env file and uploads beside it."""
    site.write("app/main.py", APP)
    site.write("requirements.txt", "starlette\nuvicorn\n")
    site.write(".gitignore", "__pycache__/\n.unstale/\n*.db*\n.env\nuploads/*\n!.gitkeep\n.venv/\n")
    site.write("uploads/.gitkeep", "")
    site.commit("an app")
    site.write("uploads/photo.jpg", "a photo")
    site.write(".env", "DATABASE_URL=sqlite:///./app.db\n")


def head(site: Site, name: str = "HEAD") -> str:
    return site.git("rev-parse", name).strip()


def facts_of(site: Site, host: Host | None = None) -> Facts:
    return found(site.root, host)


def released(facts: Facts, *actions: Action) -> list[Outcome]:
    """Do these steps until one fails, as a deploy does."""
    run = begin(facts, "deploy")
    outcomes: list[Outcome] = []
    for number, action in enumerate(actions, 1):
        todo = Plan((Step(action, ()),))
        outcomes += perform(run, todo, facts, limit=Risk.DISRUPTIVE, first=number, say=str)
        if outcomes[-1].state != "done":
            break
    return outcomes


def release(
    site: Site, *, only: int = 5, dirty: bool = False, server: str = "uvicorn"
) -> list[Outcome]:
    """Release HEAD by the first `only` steps."""
    facts = facts_of(site)
    steps = releasing(facts, Wanted(head(site), dirty=dirty, server=server))
    return released(facts, *steps[:only])


def home(site: Site) -> Home:
    return home_of(facts_of(site).project)


def known(site: Site) -> tuple[Manifest, ...]:
    facts = facts_of(site)
    return releases(facts.host, home(site)).known


def committed(site: Site, manifest: Manifest) -> None:
    facts = facts_of(site)
    change(facts.host, home(site), manifest.id, status=COMMITTED, ended_at=facts.host.now())


def tree(place: Path) -> dict[str, bytes | str]:
    """Return every path below with its bytes, or where it leads."""
    return {
        str(path.relative_to(place)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
