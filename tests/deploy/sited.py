"""A site of releases that are laid by hand: what makes them is tested elsewhere."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

from lab.arena import free_port
from unstale.action import Action
from unstale.actions.keep_site import KeepSite
from unstale.actions.start_release import StartRelease
from unstale.actions.switch_release import DrainRelease, SwitchRelease
from unstale.deploy.control import status
from unstale.deploy.home import Home
from unstale.detect import find_project
from unstale.fact import Facts
from unstale.layer import Risk
from unstale.local import LocalHost
from unstale.perform import Outcome, begin, perform
from unstale.plan import Plan, Step

APP = """\
import os
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def home(): return {"hello": NAME, "told": os.environ.get("TOLD"), "venv": os.environ.get("VIRTUAL_ENV")}
"""


class Sited:
    """A project, its keeper and its releases."""

    def __init__(self, root: Path) -> None:
        self.root, self.port = root, free_port()
        self.home = Home(root / ".unstale/site")
        self.host = LocalHost(changing=True)
        root.mkdir()
        (root / "requirements.txt").write_text("fastapi\nuvicorn\n")
        (root / "main.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
        self.facts = Facts(find_project(root, self.host), self.host)

    def lay(self, name: str, source: str | None = None) -> None:
        place = self.home.release(name)
        place.mkdir(parents=True)
        (place / "main.py").write_text(source or f"NAME = {name!r}\n{APP}")
        (place / ".venv").symlink_to(sys.prefix)

    def keep(self, holder: tuple[int, int, int] | None = None) -> KeepSite:
        return KeepSite(str(self.home.path), "127.0.0.1", self.port, holder)

    def start(self, name: str, **more: object) -> StartRelease:
        args = ("main:app", "--no-access-log")
        return StartRelease(str(self.home.path), name, ".", args, **more)  # type: ignore[arg-type]

    def switch(self, name: str, before: str | None = None) -> SwitchRelease:
        return SwitchRelease(str(self.home.path), name, before)

    def drain(self, name: str, seconds: float = 20.0) -> DrainRelease:
        return DrainRelease(str(self.home.path), name, seconds)

    def do(self, *actions: Action) -> list[Outcome]:
        """Do them as one run, up to the first that fails."""
        run, done = begin(self.facts, "deploy"), []
        todo = Plan(tuple(Step(each, ()) for each in actions))
        for each in perform(run, todo, self.facts, limit=Risk.DESTRUCTIVE, say=lambda _: None):
            done.append(each)
            if each.state != "done":
                break
        return done

    def page(self) -> dict[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def end(self) -> None:
        now = status(self.host, self.home)
        for pid in (now.pid, *(each.pid for each in now.workers)) if now else ():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def well(outcomes: list[Outcome]) -> bool:
    """Return whether all were done."""
    return all(each.state == "done" for each in outcomes)
