"""Moves a site from one release to another, and lets the former finish what it has begun."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from unstale.action import Action, Decided, Keep
from unstale.deploy.control import ask, status
from unstale.deploy.home import Home
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.host import Host
from unstale.layer import Layer, Risk

_AFTER = 15.0  # seconds after its deadline in which a release must be gone


@dataclass(frozen=True, slots=True)
class SwitchRelease(Action):
    """Let the release that serves, `before`, stop accepting, then this one begin; new connections meet one of them."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS

    home: str
    release: str
    before: str | None = None

    def title(self) -> str:
        return f"serve release {self.release}"

    def preview(self) -> tuple[str, ...]:
        return ()

    def settled(self, facts: Facts) -> bool:
        now = status(facts.host, Home(Path(self.home)))
        return now is not None and now.serving == self.release

    def inverse(self, facts: Facts, keep: Keep) -> Action | None:
        return SwitchRelease(self.home, self.before, self.release) if self.before else None

    def apply(self, host: Host, keep: Keep) -> dict[str, Any]:
        said = ask(host, Home(Path(self.home)), "switch", release=self.release)
        return {"release": self.release, "before": self.before, "seconds": said["seconds"]}

    def recover(self, facts: Facts, keep: Keep) -> Decided:
        """Say which of them serves: the keeper finished what it was asked, or was never asked."""
        done = self.settled(facts)
        return Decided(done=done, words=f"release {self.release if done else self.before} serves")


@dataclass(frozen=True, slots=True)
class DrainRelease(Action):
    """Wait until a release that serves no more has finished, at most `seconds`; what it then cuts is counted."""

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.PROCESS

    home: str
    release: str
    seconds: float

    def title(self) -> str:
        return f"let release {self.release} finish"

    def preview(self) -> tuple[str, ...]:
        return ()

    def settled(self, facts: Facts) -> bool:
        now = status(facts.host, Home(Path(self.home)))
        return now is not None and not now.of(self.release)

    def apply(self, host: Host, keep: Keep) -> dict[str, Any]:
        home = Home(Path(self.home))
        ask(host, home, "drain", release=self.release, seconds=self.seconds)
        until = host.uptime() + self.seconds + _AFTER
        while (now := status(host, home)) is not None and now.of(self.release):
            if host.uptime() > until:
                raise Failed(
                    what=f"release {self.release} did not end",
                    why=f"it is still there {_AFTER:g} s after its deadline",
                    next=f"ps -o pid,stat,args --ppid {now.pid}",
                )
            host.sleep(0.05)
        cut = now.cut(self.release) if now else None
        kinds = ("requests", "streams", "websockets")
        return {"release": self.release, **{each: getattr(cut, each, 0) for each in kinds}}

    def recover(self, facts: Facts, keep: Keep) -> Decided:
        """Leave it to the keeper, which ends it at its deadline."""
        return Decided(done=True, words="its keeper lets it finish")
