"""Gives a site its keeper: a small process that owns the listener and outlives every release."""

from __future__ import annotations

import hashlib
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale import guard
from unstale.action import Action, Decided, Keep
from unstale.actions.said import tail
from unstale.deploy.control import ask, status
from unstale.deploy.home import Home, runtime_directory
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk

_RUNNER = Path(guard.__file__).parent / "runner"
_LISTENER = 3  # the number under which the keeper has it
_PATIENCE = 10.0  # seconds that a keeper has to answer
_DRAIN = 30.0  # seconds that a site which is left has for what it has begun
BARE = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What is given of our own environment to what we start where nobody else's is known."""


@dataclass(frozen=True, slots=True)
class KeepSite(Action):
    """Start the keeper on a listener of its own, or on that of a running process, which goes on using it.

    `holder` is (pid, ticks, descriptor) of that process.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS

    home: str
    address: str
    port: int
    holder: tuple[int, int, int] | None = None

    def title(self) -> str:
        of = f", which process {self.holder[0]} has" if self.holder else ""
        return f"keep the listener {self.address}:{self.port}{of}"

    def preview(self) -> tuple[str, ...]:
        return (f"python {self._home.runner}/…/keeper.py {self.home}",)

    def settled(self, facts: Facts) -> bool:
        return status(facts.host, self._home) is not None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return LeaveSite(self.home)

    def apply(self, host: Host, keep: Keep) -> None:
        home = self._home
        for each in (home.state, home.logs):
            host.makedirs(str(each))
        runtime, program = runtime_directory(host, home), install_runner(host, home)
        log = f"{home.logs}/keeper.log"
        said = seen.size if (seen := host.stat(log)) else 0
        env = bare(host)
        try:
            with ExitStack() as stack:
                listener = self._listener(host, stack)
                keeper = host.spawn(
                    (_python(), "-Es", f"{program}/keeper.py", self.home, str(runtime), "3"),
                    cwd=str(home.path),
                    env=env,
                    stdout=log,
                    stderr=log,
                    inherit={_LISTENER: listener},
                )
        except OSError as error:
            raise Failed(
                what=f"{self.address}:{self.port} cannot be kept",
                why=error.strerror or str(error),
                next=f"ss -ltnp sport = :{self.port}",
            ) from None
        until = host.uptime() + _PATIENCE
        while status(host, home) is None:
            if not host.alive(keeper) or host.uptime() > until:
                why = " | ".join(tail(host, log, said, ())[-3:]) or "it did not answer"
                raise Failed(what="the keeper did not start", why=why, next=f"Read {log}.")
            host.sleep(0.02)

    def recover(self, facts: Facts, keep: Keep) -> Decided | None:
        """Leave the site where nothing serves through its keeper yet."""
        now = status(facts.host, self._home)
        if now is None or now.serving is not None:
            return Decided(done=now is not None, words="it keeps" if now else "it had not begun")
        return None

    def _listener(self, host: Host, stack: ExitStack) -> int:
        if self.holder is None:
            return stack.enter_context(host.listening(self.address, self.port))
        pid, ticks, descriptor = self.holder
        return stack.enter_context(host.taken(Ident(pid, ticks), (descriptor,)))[0]

    @property
    def _home(self) -> Home:
        return Home(Path(self.home))


@dataclass(frozen=True, slots=True)
class LeaveSite(Action):
    """End the keeper and all that it runs; what its releases have begun is finished first."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS
    stops: ClassVar[bool] = True

    home: str

    def title(self) -> str:
        return "end the keeper and what it runs"

    def preview(self) -> tuple[str, ...]:
        return ("unstale down",)

    def settled(self, facts: Facts) -> bool:
        return status(facts.host, Home(Path(self.home))) is None

    def apply(self, host: Host, keep: Keep) -> None:
        home = Home(Path(self.home))
        if status(host, home) is None:
            return
        ask(host, home, "down", seconds=_DRAIN)
        until = host.uptime() + _DRAIN + _PATIENCE
        while (now := status(host, home)) is not None:
            if host.uptime() > until:
                raise Failed(
                    what=f"the keeper {now.pid} did not end",
                    why=f"{len(now.workers)} of its processes still run after {_DRAIN:g} s",
                    next=f"ps -o pid,stat,args --ppid {now.pid}",
                )
            host.sleep(0.05)


def bare(host: Host) -> dict[str, str]:
    """Return the variables of BARE that we have."""
    return {name: value for name in BARE if (value := host.environ(name)) is not None}


def install_runner(host: Host, home: Home) -> Path:
    """Copy what runs a site to the home, under a name for its content; return where. It outlives our own version."""
    files = {each.name: each.read_bytes() for each in sorted(_RUNNER.glob("*.py"))}
    mark = hashlib.sha256(b"".join(files.values())).hexdigest()[:12]
    place = home.runner / mark
    for name, content in files.items():
        if host.stat(str(place / name)) is None:
            host.makedirs(str(place), 0o755)
            host.write(str(place / name), content, 0o644)
    return place


def _python() -> str:
    """Return the interpreter below our own environment: that may be gone when the keeper starts again."""
    return str(getattr(sys, "_base_executable", sys.executable))
