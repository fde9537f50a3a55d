"""What must be installed, from requirements.txt, uv.lock, pylock.toml or poetry.lock."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.environment import Environment, Environments
from unstale.facts.lock_formats import Markers, Wanted, read_poetry, read_pylock, read_uv
from unstale.host import Host
from unstale.layer import Layer

_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")
_PATH_OR_URL = re.compile(r"^\.|[/\\]|\.(?:whl|zip|tar\.\w+|tgz)\b")


@dataclass(frozen=True, slots=True)
class Locked:
    """One lock, read for one environment."""

    path: str
    prefix: str
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks(Fact):
    """Each environment's lock."""

    layer = Layer.ENVIRONMENT

    locks: tuple[Locked, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Locks:
        found = []
        for environment in facts.get(Environments).environments:
            for backend in facts.project.backends:
                if str(backend.path) == environment.backend:
                    places = backend.requirements
                    found += [locked_by(facts.host, path, environment) for path in places]
        if not found:
            raise Absent(
                what="no lock",
                why="no requirements.txt or lock file here",
                next="Write a requirements.txt.",
            )
        return cls(seen_at=facts.host.now(), locks=tuple(found))


def locked_by(host: Host, path: Path, environment: Environment) -> Locked:
    """Return what a lock wants in an environment. Raises Unavailable where it cannot be read."""
    markers = _markers(environment)
    try:
        wanted = _wanted(host, path, markers)
    except FileNotFoundError as error:
        why = f"it names {error.filename}, which is not there"
        raise Unavailable(what=f"cannot read {path}", why=why, next=f"Correct {path}.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise Unavailable(what=f"cannot read {path}", why=why, next="Lock again.") from None
    return Locked(str(path), environment.prefix, tuple(sorted(wanted, key=lambda each: each.name)))


def _wanted(host: Host, path: Path, markers: Markers) -> list[Wanted]:
    reader = {"uv.lock": read_uv, "poetry.lock": read_poetry}.get(path.name)
    if path.suffix == ".toml":
        reader = read_pylock
    if reader is None:
        return _requirements(host, path, markers, ())
    return reader(tomllib.loads(host.read(str(path)).decode()), markers)


def _markers(environment: Environment) -> Markers:
    """Return PEP 508's environment for the target's Python on this platform."""
    markers = {key: str(value) for key, value in default_environment().items()}
    pypy = environment.tag.startswith("pypy")
    return {
        **markers,
        "python_version": ".".join(environment.version.split(".")[:2]),
        "python_full_version": environment.version,
        "implementation_name": "pypy" if pypy else "cpython",
        "implementation_version": environment.version,
        "platform_python_implementation": "PyPy" if pypy else "CPython",
    }


def _requirements(
    host: Host, path: Path, markers: Markers, above: tuple[Path, ...]
) -> list[Wanted]:
    """Read pip's requirements file format; options, editables and paths name no version.

    Format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
    """
    raw = host.read(str(path))  # PowerShell's `pip freeze >` writes UTF-16
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = re.sub(r"\\\r?\n", " ", raw.decode(encoding, "replace"))
    found: list[Wanted] = []
    for whole in text.splitlines():
        line = re.split(r"(?:^|\s)#", whole)[0].strip()
        include = _INCLUDE.match(line)
        if include:
            inner = (path.parent / include[1]).resolve()
            if inner not in above:
                found += _requirements(host, inner, markers, (*above, path.resolve()))
        elif line and not line.startswith("-"):
            found += _requirement(re.split(r"\s--", line)[0].strip(), markers)
    return found


def _requirement(text: str, markers: Markers) -> list[Wanted]:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        if not _PATH_OR_URL.search(text):
            raise
        return []  # it names no version that could differ
    if requirement.marker and not requirement.marker.evaluate({**markers, "extra": ""}):
        return []
    return [Wanted(canonicalize_name(requirement.name), str(requirement.specifier))]
