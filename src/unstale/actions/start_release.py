"""Starts a release beside the one that serves; nobody but us can reach it yet."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.keep_site import bare, install_runner
from unstale.actions.lifecycle import without_traces
from unstale.actions.said import tail
from unstale.deploy.control import STARTING, Status, ask, status
from unstale.deploy.home import Home
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.env_files import secrets
from unstale.facts.environ import environ_of
from unstale.host import Host
from unstale.layer import Layer, Risk

START = 60.0
"""Seconds that a release has to start."""

_LINES = 40  # of its log, when it does not start


@dataclass(frozen=True, slots=True)
class StartRelease(Action):
    """Start the workers of a release and wait until their app is up, on sockets of their own.

    `cwd` is relative to the release; `args` are uvicorn's, the app first. The environment is that of process `pid`
    or of the release `like`, else a bare one, with `env` on top; it is never shown or journaled.
    """

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.PROCESS

    home: str
    release: str
    cwd: str
    args: tuple[str, ...]
    workers: int = 1
    pid: int | None = None
    like: str | None = None
    env: tuple[tuple[str, str], ...] = ()

    def title(self) -> str:
        return f"start release {self.release}"

    def preview(self) -> tuple[str, ...]:
        place = self._home.release(self.release)
        return (f"cd {place / self.cwd} && {place}/.venv/bin/uvicorn {' '.join(self.args)}",)

    def settled(self, facts: Facts) -> bool:
        now = status(facts.host, self._home)
        return now is not None and _up(now, self.release)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return EndRelease(self.home, self.release)

    def apply(self, host: Host, keep: Keep) -> None:
        home, log = self._home, f"{self._home.logs}/{self.release}.log"
        host.makedirs(str(home.logs))
        env = self._environment(host)
        said = seen.size if (seen := host.stat(log)) else 0
        host.write(_order(home, self.release), json.dumps(self._start(host, env, log)).encode())
        ask(host, home, "start", release=self.release)
        until = host.uptime() + START
        while not _up(now := _status(host, home), self.release):
            over = host.uptime() > until
            if over or not now.of(self.release):
                code = now.cut(self.release).exit
                why = f"not up within {START:g} s" if over else f"it ended with exit {code}"
                values = secrets(host, env.values(), f"{home.release(self.release)}/.env")
                lines = "\n".join(tail(host, log, said, values)[-_LINES:])
                raise Failed(
                    what=f"release {self.release} did not start",
                    why=f"{why}\n{lines}" if lines else why,
                    next=f"Read {log}.",
                )
            host.sleep(0.05)

    def _start(self, host: Host, env: dict[str, str], log: str) -> dict[str, object]:
        place, runner = self._home.release(self.release), install_runner(host, self._home)
        return {
            "release": self.release,
            "argv": [f"{place}/.venv/bin/python", "-B", f"{runner}/asgi.py", "SPEC"],
            "cwd": str(place / self.cwd),
            "env": env,
            "log": log,
            "workers": self.workers,
            "spec": {
                "release": self.release,
                "args": self.args,
                "listener": "LISTENER",
                "control": "CONTROL",
                "private": "PRIVATE",
            },
        }

    def _environment(self, host: Host) -> dict[str, str]:
        if self.like is not None:
            given = dict(json.loads(host.read(_order(self._home, self.like)))["env"])
        elif self.pid is not None:
            given = without_traces(environ_of(host, self.pid))
        else:
            given = bare(host)
        place = self._home.environment(self.release)
        old = given.get("VIRTUAL_ENV")
        path = [each for each in given.get("PATH", os.defpath).split(":") if each != f"{old}/bin"]
        own = {"VIRTUAL_ENV": str(place), "PATH": ":".join((f"{place}/bin", *path))}
        return {**given, **own, **dict(self.env)}

    @property
    def _home(self) -> Home:
        return Home(Path(self.home))


@dataclass(frozen=True, slots=True)
class EndRelease(Action):
    """End a release that does not serve, and forget its environment."""

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.PROCESS

    home: str
    release: str

    def title(self) -> str:
        return f"end release {self.release}"

    def preview(self) -> tuple[str, ...]:
        return ()

    def settled(self, facts: Facts) -> bool:
        now = status(facts.host, Home(Path(self.home)))
        return now is None or not now.of(self.release)

    def apply(self, host: Host, keep: Keep) -> None:
        home = Home(Path(self.home))
        now = status(host, home)
        if now is not None and now.of(self.release):
            ask(host, home, "end", release=self.release)
            until = host.uptime() + START
            while _status(host, home).of(self.release) and host.uptime() < until:
                host.sleep(0.02)
        host.discard(_order(home, self.release))


def _up(now: Status, release: str) -> bool:
    workers = now.of(release)
    return bool(workers) and all(each.state != STARTING for each in workers)


def _status(host: Host, home: Home) -> Status:
    now = status(host, home)
    if now is None:
        raise Failed(
            what="the keeper ended meanwhile", why="it answers no more", next="unstale serve"
        )
    return now


def _order(home: Home, release: str) -> str:
    """Return the file that starts a release, environment and all (0600)."""
    return f"{home.state}/{release}.start.json"
