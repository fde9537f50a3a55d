"""node_modules against package-lock.json, read from the files alone."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.host import Host
from unstale.layer import Layer
from unstale.project import Frontend


@dataclass(frozen=True, slots=True)
class Differing:
    """A package whose installed version is not the locked one; `have` is None when it is missing."""

    path: str
    want: str
    have: str | None


@dataclass(frozen=True, slots=True)
class Tree:
    """One front end's node_modules. `compared` packages were looked at."""

    frontend: str
    lock: str
    compared: int
    differing: tuple[Differing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeModules(Fact):
    """Each installed node_modules that has an npm lock."""

    layer = Layer.NODE

    trees: tuple[Tree, ...]

    @classmethod
    def gather(cls, facts: Facts) -> NodeModules:
        if not facts.project.frontends:
            raise Absent(what="no front end", why="no front end here", next="Nothing to do.")
        found = [_tree(facts.host, each) for each in facts.project.frontends]
        trees = tuple(each for each in found if each is not None)
        if not trees:
            raise Absent(what="no node_modules", why="no npm lock is installed here", next="npm ci")
        return cls(seen_at=facts.host.now(), trees=trees)

    def summary(self) -> str:
        return ", ".join(f"{each.compared} packages" for each in self.trees)


def _tree(host: Host, frontend: Frontend) -> Tree | None:
    place = str(frontend.path)
    lock = f"{place}/package-lock.json"
    if frontend.packager != "npm":
        return None  # then npm's lock is a leftover
    if host.stat(lock) is None or host.stat(f"{place}/node_modules") is None:
        return None
    wanted = _packages(host, lock)
    hidden_path = f"{place}/node_modules/.package-lock.json"
    hidden = _packages(host, hidden_path) if host.stat(hidden_path) else {}
    differing = []
    compared = 0
    for path, package in wanted.items():
        if not path.startswith("node_modules/") or package.get("link") or package.get("inBundle"):
            continue
        if path not in hidden and _may_be_missing(package):
            continue
        compared += 1
        difference = _difference(host, place, path, package, hidden.get(path))
        if difference is not None:
            differing.append(difference)
    return Tree(place, lock, compared, tuple(differing))


def _packages(host: Host, path: str) -> dict[str, dict[str, Any]]:
    """Return `packages` of a lock of version 2 or 3 (npm help package-lock-json)."""
    why = "it is no lock file of npm"
    try:
        document = json.loads(host.read(path))
    except (RecursionError, ValueError) as error:
        document, why = None, str(error)
    if isinstance(document, dict) and "packages" not in document:
        raise Absent(
            what=f"{path} is too old", why="its lock format is version 1", next="npm install"
        )
    packages = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(packages, dict) or not all(map(_mapping, packages.values())):
        raise Unavailable(
            what=f"cannot read {path}", why=why, next="npm install --package-lock-only"
        )
    return packages


def _mapping(value: object) -> bool:
    return isinstance(value, dict)


def _may_be_missing(package: dict[str, Any]) -> bool:
    """Optional packages of other platforms, peers and packages left out by --omit=dev are rightly absent."""
    return any(package.get(word) for word in ("optional", "devOptional", "peer", "dev"))


def _difference(
    host: Host, place: str, path: str, package: dict[str, Any], hidden: dict[str, Any] | None
) -> Differing | None:
    """Compare by the hidden lock, then by the package's own manifest, because the hidden lock can be wrong."""
    want = str(package.get("version", ""))
    have = None
    with suppress(AttributeError, OSError, RecursionError, ValueError):
        have = str(json.loads(host.read(f"{place}/{path}/package.json")).get("version"))
    if have != want:
        return Differing(path, want, have)
    claimed = hidden and hidden.get("integrity")
    if claimed and package.get("integrity") and claimed != package["integrity"]:
        return Differing(path, f"{want} {package['integrity'][:20]}", f"{have} {claimed[:20]}")
    return None
