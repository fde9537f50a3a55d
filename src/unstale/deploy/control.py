"""The keeper of a site, as its client sees it: what it says it runs, and what it is asked (guard/runner/keeper.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unstale.errors import Failed

if TYPE_CHECKING:
    from unstale.deploy.home import Home
    from unstale.host import Host

DOOR = "keeper.sock"
ACCEPTING, READY, STARTING = "accepting", "ready", "starting"


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of a release. `state`: starting, ready, accepting, stopped, draining; `private` its own socket."""

    release: str
    pid: int
    state: str
    private: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A release whose workers ended: requests, event streams and websockets that were cut; `exit` of a failed start."""

    release: str
    requests: int = 0
    streams: int = 0
    websockets: int = 0
    exit: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What a keeper says. `serving` is the release that accepts, None when the site is down."""

    pid: int
    serving: str | None
    workers: tuple[Worker, ...]
    ended: tuple[Ended, ...]

    def of(self, release: str) -> tuple[Worker, ...]:
        """Return the workers of a release."""
        return tuple(each for each in self.workers if each.release == release)

    def cut(self, release: str) -> Ended:
        """Return what the release cut when it ended; nothing of one that is not known to have ended."""
        return next((each for each in self.ended if each.release == release), Ended(release))


def status(host: Host, home: Home) -> Status | None:
    """Return what the keeper of the home says; None where none answers."""
    try:
        said = host.converse(_door(host, home), {"do": "status"})
        return Status(
            pid=said["pid"],
            serving=said["serving"],
            workers=tuple(
                Worker(each["release"], each["pid"], each["state"], each["private"])
                for each in said["workers"]
            ),
            ended=tuple(Ended(name, **words) for name, words in said["ended"].items()),
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None


def ask(host: Host, home: Home, what: str, **words: Any) -> dict[str, Any]:
    """Ask the keeper of the home for something. Raises Failed with its reason, or where none answers."""
    try:
        said = host.converse(_door(host, home), {"do": what, **words})
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or "it says nothing"
        raise Failed(
            what=f"the keeper of {home.path} did not {what}",
            why=why,
            next="unstale serve",
        ) from None
    if not said.get("ok"):
        raise Failed(
            what=f"the keeper of {home.path} did not {what}",
            why=str(said.get("why")),
            next="unstale releases",
        )
    return said


def _door(host: Host, home: Home) -> str:
    """Return its socket. Raises OSError, ValueError, LookupError where no keeper ever was."""
    return f"{json.loads(host.read(f'{home.state}/keeper.json'))['runtime']}/{DOOR}"
