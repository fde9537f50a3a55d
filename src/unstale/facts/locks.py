"""What must be installed, from requirements.txt, uv.lock, pylock.toml or poetry.lock."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.environment import Environment, Environments
from unstale.host import Host
from unstale.layer import Layer


@dataclass(frozen=True, slots=True)
class Wanted:
    """A distribution that the lock asks for: a PEP 503 name and a PEP 440 specifier, "" for any version."""

    name: str
    specifier: str


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
            backend = next(each for each in facts.project.backends if str(each.path) == environment.backend)
            found += [_locked(facts.host, path, environment) for path in backend.requirements]
        if not found:
            raise Absent(what="no lock", why="no requirements.txt or lock file here", next="Write a requirements.txt.")
        return cls(seen_at=facts.host.now(), locks=tuple(found))


def _locked(host: Host, path: Path, environment: Environment) -> Locked:
    markers = _markers(environment)
    if path.name == "requirements.txt":
        wanted = _requirements(host, path, markers)
    else:
        try:
            document = tomllib.loads(host.read(str(path)).decode())
        except ValueError as error:
            raise Unavailable(what=f"cannot read {path}", why=str(error), next="Lock again.") from None
        wanted = _READERS[path.name](document, markers)
    return Locked(str(path), environment.prefix, tuple(sorted(wanted, key=lambda each: each.name)))


def _markers(environment: Environment) -> dict[str, str]:
    """Return PEP 508's environment for the target's Python on this platform."""
    markers = {key: str(value) for key, value in default_environment().items()}
    markers["python_version"] = ".".join(environment.version.split(".")[:2])
    markers["python_full_version"] = environment.version
    return markers


def _requirements(host: Host, path: Path, markers: dict[str, str]) -> list[Wanted]:
    """Read pip's format: continuation lines, comments, -r and -c files; editables and local paths name no version."""
    text = re.sub(r"\\\n", " ", host.read(str(path)).decode("utf-8", "replace"))
    found: list[Wanted] = []
    for raw in text.splitlines():
        line = re.split(r"(?:^|\s)#", raw)[0].strip()
        include = re.match(r"(?:-r|--requirement)[ =]*(\S+)", line)
        if include:
            found += _requirements(host, path.parent / include[1], markers)
        elif line and not line.startswith("-"):
            wanted = _requirement(re.split(r"\s--", line)[0].strip(), markers)
            found += [wanted] if wanted else []
    return found


def _requirement(text: str, markers: dict[str, str]) -> Wanted | None:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None  # a path or a URL: it names no version that could differ
    if requirement.url or (requirement.marker and not requirement.marker.evaluate({**markers, "extra": ""})):
        return None
    return Wanted(canonicalize_name(requirement.name), str(requirement.specifier))


def _true(marker: str | None, markers: dict[str, str]) -> bool:
    if not marker:
        return True
    try:
        return Marker(marker).evaluate({**markers, "extra": ""})
    except InvalidMarker:
        return False


def _uv(document: dict[str, Any], markers: dict[str, str]) -> list[Wanted]:
    """Walk uv.lock from the project's own packages over their dependencies, dev groups and extras left out."""
    packages: dict[str, list[dict[str, Any]]] = {}
    for each in document.get("package", []):
        packages.setdefault(each["name"], []).append(each)
    todo = [(each, ()) for each in document.get("package", []) if _own(each)]
    seen: dict[str, Wanted] = {}
    while todo:
        package, extras = todo.pop()
        needs = list(package.get("dependencies", []))
        for extra in extras:
            needs += package.get("optional-dependencies", {}).get(extra, [])
        for need in needs:
            if not _true(need.get("marker"), markers):
                continue
            for target in packages.get(need["name"], []):
                if need.get("version") not in (None, target.get("version")) or not _resolved(target, markers):
                    continue
                if need["name"] not in seen:
                    todo.append((target, tuple(need.get("extra", []))))
                    if not _own(target) and "version" in target:
                        seen[need["name"]] = Wanted(canonicalize_name(need["name"]), f"=={target['version']}")
    return list(seen.values())


def _own(package: dict[str, Any]) -> bool:
    return bool({"editable", "virtual", "directory"} & set(package.get("source", {})))


def _resolved(package: dict[str, Any], markers: dict[str, str]) -> bool:
    conditions = package.get("resolution-markers", [])
    return not conditions or any(_true(each, markers) for each in conditions)


def _pylock(document: dict[str, Any], markers: dict[str, str]) -> list[Wanted]:
    """Read PEP 751's packages that name a version."""
    return [
        Wanted(canonicalize_name(each["name"]), f"=={each['version']}")
        for each in document.get("packages", [])
        if "version" in each and _true(each.get("marker"), markers)
    ]


def _poetry(document: dict[str, Any], markers: dict[str, str]) -> list[Wanted]:
    """Read the packages of poetry's main group that are not optional."""
    found = []
    for each in document.get("package", []):
        groups = each.get("groups", ["main"])
        marker = each.get("markers")
        marker = marker.get("main") if isinstance(marker, dict) else marker
        if "main" in groups and not each.get("optional") and _true(marker, markers):
            found.append(Wanted(canonicalize_name(each["name"]), f"=={each['version']}"))
    return found


_READERS = {"uv.lock": _uv, "pylock.toml": _pylock, "poetry.lock": _poetry}
