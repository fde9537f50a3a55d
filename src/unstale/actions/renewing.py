"""How an environment is made again: from which lock, with which versions of what no lock names."""

from __future__ import annotations

from pathlib import Path

from unstale.actions.new_environment import NewEnvironment
from unstale.errors import Unavailable
from unstale.fact import Facts
from unstale.facts.environment import Environment
from unstale.facts.locks import Locked, Locks
from unstale.host import Host

_EXACT = ("uv.lock", "pylock.toml")
_TOOLS = ("pip", "setuptools", "wheel")


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
        base=base_of(host, environment),
        lock=lock,
        pins=pins,
        local=() if lock and lock.endswith("uv.lock") else local,
        system=configured(host, environment.prefix).get("include-system-site-packages") == "true",
        tools=tools,
        listed="" if locked else _listed(facts, environment),
        cache=cache,
    )


def _listed(facts: Facts, environment: Environment) -> str:
    locks = facts.maybe(Locks)
    mine = (
        each.path for each in (locks.locks if locks else ()) if each.prefix == environment.prefix
    )
    return next((path for path in mine if path.endswith(".txt")), "")


def _source(
    host: Host, locked: Locked | None, present: dict[str, str]
) -> tuple[str | None, tuple[str, ...]]:
    """Return the lock that uv reads, and the pins: of a lock that it cannot read, or of what is installed."""
    if locked is not None and Path(locked.path).name == "poetry.lock":
        return None, tuple(f"{each.name}{each.specifier}" for each in locked.wanted)
    named = {each.name for each in locked.wanted} if locked else set()
    left = {*present} - named - {*_TOOLS}
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


def base_of(host: Host, environment: Environment) -> str:
    """Return the interpreter that the environment was made from: `home` in its pyvenv.cfg (PEP 405)."""
    home = configured(host, environment.prefix).get("home")
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


def configured(host: Host, prefix: str) -> dict[str, str]:
    """Return what pyvenv.cfg says (PEP 405)."""
    text = host.read(f"{prefix}/pyvenv.cfg").decode("utf-8", "replace")
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
