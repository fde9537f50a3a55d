"""Proves a release: on the private sockets of its workers before anybody meets it, at the public address afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from unstale.action import Action, Decided, Keep
from unstale.answers import Answer
from unstale.deploy.control import Worker, status
from unstale.deploy.home import Home
from unstale.errors import Failed, Unavailable
from unstale.fact import Facts
from unstale.host import Host
from unstale.layer import Layer, Risk

PASSES, SPAN = 3, 2.0
"""How often a worker must be ready, over at least how many seconds."""
PATIENCE = 30.0
"""Seconds that a release has to be ready."""
FRESH = 20
"""New connections to the public address that must all meet the release."""

_SERVER_ERROR = 500
_OK = range(200, 300)
_BODY = 1 << 20  # bytes that a smoke test looks at


@dataclass(frozen=True, slots=True)
class Smoke:
    """A request that must succeed: its status (0: 2xx or 3xx), a text in its body, the longest time in milliseconds."""

    path: str
    status: int = 0
    contains: str = ""
    max_ms: int = 0


@dataclass(frozen=True, slots=True)
class ProveRelease(Action):
    """Ask each worker whether it is ready, then the smoke tests.

    An app without such a route is weakly ready: it has started, and `GET /` is no server error.
    """

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.HTTP

    home: str
    release: str
    ready: str = "/health/ready"
    smoke: tuple[Smoke, ...] = ()

    def title(self) -> str:
        return f"ask release {self.release} whether it is ready"

    def preview(self) -> tuple[str, ...]:
        return tuple(f"curl --unix-socket … http://localhost{each}" for each in self._paths)

    @property
    def _paths(self) -> tuple[str, ...]:
        return (self.ready, *(each.path for each in self.smoke))

    def settled(self, facts: Facts) -> bool:
        return False

    def apply(self, host: Host, keep: Keep) -> dict[str, Any]:
        now = status(host, Home(Path(self.home)))
        workers = now.of(self.release) if now else ()
        if not workers:
            raise Failed(
                what=f"release {self.release} is not ready", why="it runs no more", next="its log"
            )
        weak = [self._ready(host, each) for each in workers]
        for each in self.smoke:
            self._smoked(host, workers[0], each)
        return {"release": self.release, "weak": any(weak), "smoke": len(self.smoke)}

    def recover(self, facts: Facts, keep: Keep) -> Decided:
        """Nothing was changed by asking."""
        return Decided(done=False, words="it had only been asked")

    def _ready(self, host: Host, worker: Worker) -> bool:
        """Wait until the worker is ready; return whether only weakly so. Raises Failed."""
        began, passes, weak = host.uptime(), 0, False
        while passes < PASSES or host.uptime() - began < SPAN:
            why, weak = self._why_not(host, worker)
            passes = 0 if why else passes + 1
            if why and host.uptime() - began > PATIENCE:
                raise Failed(
                    what=f"release {self.release} is not ready",
                    why=why,
                    next=f"curl -i --unix-socket {worker.private} http://localhost{self.ready}",
                )
            host.sleep(SPAN / PASSES)
        return weak

    def _why_not(self, host: Host, worker: Worker) -> tuple[str, bool]:
        """Return why it is not ready, or nothing, and whether the app has no such route."""
        try:
            said = _get(host, worker, self.ready)
            if said.header("x-unstale-answer") == "runner":
                page = _get(host, worker, "/")
                bad = page.status >= _SERVER_ERROR
                return (f"GET / answers {page.status}" if bad else ""), True
        except Unavailable as error:
            return str(error), False
        kind = said.header("content-type") or ""
        if said.status not in _OK or kind.startswith("text/html"):
            return f"GET {self.ready} answers {said.status} {kind}".strip(), False
        return "", False

    def _smoked(self, host: Host, worker: Worker, test: Smoke) -> None:
        began = host.uptime()
        said = _get(host, worker, test.path)
        took = (host.uptime() - began) * 1000
        fits = said.status == test.status if test.status else said.status in range(200, 400)
        why = "" if fits else f"it answers {said.status}"
        if not why and test.contains and test.contains not in said.body.decode("utf-8", "replace"):
            why = f"its body does not contain {test.contains!r}"
        if not why and test.max_ms and took > test.max_ms:
            why = f"it took {took:.0f} ms, at most {test.max_ms} are allowed"
        if why:
            raise Failed(
                what=f"the smoke test of {test.path} fails on release {self.release}",
                why=why,
                next=f"curl -i --unix-socket {worker.private} http://localhost{test.path}",
            )


@dataclass(frozen=True, slots=True)
class ProveSite(Action):
    """Ask the public address over new connections; each answer must be the release's."""

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.HTTP

    url: str
    release: str

    def title(self) -> str:
        return f"see release {self.release} at {self.url}"

    def preview(self) -> tuple[str, ...]:
        return (f"curl -sI {self.url}/health/version | grep -i x-unstale-release",)

    def settled(self, facts: Facts) -> bool:
        return False

    def apply(self, host: Host, keep: Keep) -> dict[str, Any]:
        for at in range(FRESH):
            said = host.get(f"{self.url}/health/version")
            met = said.header("x-unstale-release")
            if met != self.release:
                raise Failed(
                    what=f"{self.url} is not served by release {self.release} alone",
                    why=f"answer {at + 1} of {FRESH} came from {met or 'somebody else'}",
                    next=self.preview()[0],
                )
        return {"release": self.release, "answers": FRESH}

    def recover(self, facts: Facts, keep: Keep) -> Decided:
        """Nothing was changed by asking."""
        return Decided(done=False, words="it had only been asked")


def _get(host: Host, worker: Worker, path: str) -> Answer:
    return host.get(f"http://localhost{path}", socket_path=worker.private, limit=_BODY)
