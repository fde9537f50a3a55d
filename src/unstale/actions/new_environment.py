"""Makes a virtual environment anew from the lock; the former one is kept whole by a rename, so undo is a rename too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.environment import kept_aside, run_uv, why_not_kept
from unstale.actions.files import SwapBack, hide, listing
from unstale.errors import Unavailable
from unstale.fact import Facts
from unstale.facts.environment import Environment
from unstale.facts.locks import Locked, Locks
from unstale.host import Host
from unstale.layer import Layer, Risk

_EXACT = ("uv.lock", "pylock.toml")
_TOOLS = ("setuptools", "wheel")


@dataclass(frozen=True, slots=True)
class NewEnvironment(Action):
    """Move the environment aside and make it again: the same Python, the lock's packages, the same local ones.

    `pins` ("six==1.17.0") are installed where no lock can be; beside a lock they hold what it does not name at the
    present versions. `tools` (setuptools, wheel) are what no lock names and an app may import. `local` are (directory,
    editable) that were installed from the checkout. `seed`: it had pip; `system`: it saw the system's packages. No
    lock is ever written.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.ENVIRONMENT
    undoable: ClassVar[bool] = True

    prefix: str
    base: str
    lock: str | None
    pins: tuple[str, ...]
    local: tuple[tuple[str, bool], ...]
    seed: bool
    system: bool = False
    tools: tuple[str, ...] = ()
    cache: bool = True

    def title(self) -> str:
        source = Path(self.lock).name if self.lock else "the versions that are installed now"
        return f"make {Path(self.prefix).name} anew from {source}"

    def preview(self) -> tuple[str, ...]:
        return (
            f"mv {self.prefix} {self.prefix}.former",
            *(" ".join(("uv", *each)) for each in self._steps("constraints.txt")),
        )

    def settled(self, facts: Facts) -> bool:
        return False

    def blocked(self, facts: Facts) -> str | None:
        why = why_not_kept(facts, self.prefix)
        if why is None and facts.host.stat(self.base) is None:
            why = f"its Python {self.base} is no longer there"
        return why

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(kept_aside(keep), self.prefix)

    def apply(self, host: Host, keep: Keep) -> None:
        kept = kept_aside(keep)
        hide(host, keep.trash)
        host.rename(self.prefix, kept)
        cwd = str(Path(self.lock).parent) if self.lock else str(Path(self.prefix).parent)
        bounds = f"{keep.trash}/constraints.txt"
        host.write(bounds, "\n".join(self.pins).encode())
        for words in self._steps(bounds):
            run_uv(host, (*words, *(() if self.cache else ("--no-cache",))), self.prefix, cwd)
        host.write(f"{kept}.after", listing(host, self.prefix).encode("utf-8", "surrogateescape"))

    def _steps(self, bounds: str) -> tuple[tuple[str, ...], ...]:
        python = ("--python", f"{self.prefix}/bin/python")
        steps = [
            (
                "venv",
                "--no-project",
                "--python",
                self.base,
                *(("--seed",) if self.seed else ()),
                *(("--system-site-packages",) if self.system else ()),
                self.prefix,
            )
        ]
        if self.lock and Path(self.lock).name == "uv.lock":
            steps.append(("sync", "--frozen", *python, "--project", str(Path(self.lock).parent)))
        elif self.lock:
            held = ("-c", bounds) if self.pins else ()
            steps.append(("pip", "install", *python, "-r", self.lock, *held))
        elif self.pins:
            steps.append(("pip", "install", *python, "--no-deps", *self.pins))
        if self.tools:
            steps.append(("pip", "install", *python, "--no-deps", *self.tools))
        for place, editable in self.local:
            steps.append(
                ("pip", "install", *python, "--no-deps", *(("-e",) if editable else ()), place)
            )
        return tuple(steps)


def renewing(facts: Facts, environment: Environment, *, cache: bool) -> NewEnvironment:
    """Return how an environment is made again. Raises Unavailable where its Python is not known."""
    host, locked = facts.host, _exact(facts, environment)
    present = {each.name: each.version for each in environment.distributions if not each.local}
    tools = tuple(f"{name}=={present[name]}" for name in _TOOLS if name in present)
    lock, pins = _source(host, locked, present)
    local = tuple(
        (each.local, each.editable)
        for each in environment.distributions
        if each.local and host.stat(each.local) is not None
    )
    return NewEnvironment(
        prefix=environment.prefix,
        base=_base(host, environment),
        lock=lock,
        pins=pins,
        local=() if lock and lock.endswith("uv.lock") else local,
        seed="pip" in present,
        system=_configured(host, environment.prefix).get("include-system-site-packages") == "true",
        tools=tools,
        cache=cache,
    )


def _source(
    host: Host, locked: Locked | None, present: dict[str, str]
) -> tuple[str | None, tuple[str, ...]]:
    """Return the lock that uv reads, and the pins: of a lock that it cannot read, or of what is installed."""
    if locked is not None and Path(locked.path).name == "poetry.lock":
        return None, tuple(f"{each.name}{each.specifier}" for each in locked.wanted)
    named = {each.name for each in locked.wanted} if locked else set()
    left = {*present} - named - {"pip", *_TOOLS}
    pins = tuple(f"{name}=={present[name]}" for name in sorted(left))
    if locked is None:
        return None, pins
    met = all(f"=={present.get(each.name)}" == each.specifier for each in locked.wanted)
    whole = Path(locked.path).suffix != ".txt" or b"--hash" in host.read(locked.path)
    return locked.path, pins if met and not whole else ()


def _exact(facts: Facts, environment: Environment) -> Locked | None:
    """Return the lock that names one version for each of its packages, None where there is none."""
    locks = facts.maybe(Locks)
    for each in locks.locks if locks else ():
        if each.prefix == environment.prefix and (Path(each.path).name in _EXACT or _pinned(each)):
            return each
    return None


def _pinned(locked: Locked) -> bool:
    """Return whether every line names one version, as a requirements.txt that is a lock does."""
    exact = all(
        each.specifier.startswith("==") and "*" not in each.specifier for each in locked.wanted
    )
    return bool(locked.wanted) and exact


def _base(host: Host, environment: Environment) -> str:
    """Return the interpreter that the environment was made from: `home` in its pyvenv.cfg (PEP 405)."""
    home = _configured(host, environment.prefix).get("home")
    minor = ".".join(environment.version.split(".")[:2])
    names = (f"python{minor}", f"pypy{minor}", "python3")
    places = (f"{home}/{name}" for name in names) if home else ()
    found = next((each for each in places if host.stat(each) is not None), None)
    if found:
        return found
    raise Unavailable(
        what=f"cannot tell the Python of {environment.prefix}",
        why="its pyvenv.cfg names no home that is there",
        next=f"{environment.prefix}/bin/python -V",
    )


def _configured(host: Host, prefix: str) -> dict[str, str]:
    """Return what pyvenv.cfg says (PEP 405)."""
    text = host.read(f"{prefix}/pyvenv.cfg").decode("utf-8", "replace")
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
