"""Copies of the project's own packages in its environments, file by file against the checkout."""

from __future__ import annotations

import csv
import hashlib
from contextlib import suppress
from dataclasses import dataclass

from unstale.errors import Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.distributions import Distribution
from unstale.facts.environment import Environment, Environments
from unstale.facts.git import QUIET
from unstale.host import Host
from unstale.layer import Layer


@dataclass(frozen=True, slots=True)
class Copy:
    """A distribution installed from a directory of the project; `differing` are paths inside it.

    `place` is the directory of `source` that its modules start from; `ours`: the environment is
    the project's own, so that it may be installed into.
    """

    name: str
    prefix: str
    source: str
    place: str
    site: str
    compared: int
    differing: tuple[str, ...]
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledCopies(Fact):
    """Every install of the project's own code: copies with a module in the checkout, and what follows the checkout.

    `following` pairs each editable's name with the directory that it follows.
    """

    layer = Layer.BYTECODE

    copies: tuple[Copy, ...]
    following: tuple[tuple[str, str], ...] = ()

    @classmethod
    def gather(cls, facts: Facts) -> InstalledCopies:
        own = [
            (environment, each, each.local)
            for environment in facts.get(Environments).environments
            for each in environment.distributions
            if each.local is not None and facts.project.contains(each.local)
        ]
        copies = [_copy(facts, *each) for each in own if not each[1].editable]
        return cls(
            seen_at=facts.host.now(),
            copies=tuple(each for each in copies if each.compared),
            following=tuple((each.name, place) for _, each, place in own if each.editable),
        )


def _copy(facts: Facts, environment: Environment, installed: Distribution, source: str) -> Copy:
    host = facts.host
    text = host.read(f"{installed.path}/RECORD").decode("utf-8", "replace")
    names = [row[0] for row in csv.reader(text.splitlines()) if row and row[0].endswith(".py")]
    places = [_pairs(host, names, place) for place in (f"{source}/src", source)]
    place, pairs = max(places, key=lambda each: len(each[1]))
    differing = [
        theirs
        for name, theirs in pairs
        if _digest(host, theirs) != _digest(host, f"{environment.site}/{name}")
    ]
    generated = _ignored(host, source, differing)
    return Copy(
        name=installed.name,
        prefix=environment.prefix,
        source=source,
        place=place,
        site=environment.site,
        compared=len(pairs),
        differing=tuple(
            each.removeprefix(f"{source}/") for each in differing if each not in generated
        ),
        ours=facts.project.contains(environment.prefix),
    )


def _pairs(host: Host, names: list[str], place: str) -> tuple[str, list[tuple[str, str]]]:
    """Return (name in RECORD, path in the checkout) of the modules that the place has."""
    paths = [(name, f"{place}/{name}") for name in names]
    return place, [pair for pair in paths if host.stat(pair[1]) is not None]


def _ignored(host: Host, source: str, paths: list[str]) -> frozenset[str]:
    """Return what git ignores: a build wrote it (a version module), so it is no source."""
    if not paths:
        return frozenset()
    with suppress(Unavailable):
        argv = ("git", "-C", source, "check-ignore", "-z", "--stdin")
        done = host.run(argv, env=QUIET, stdin="\0".join(paths))
        return frozenset(done.out.split("\0"))
    return frozenset()


def _digest(host: Host, path: str) -> str | None:
    with suppress(OSError):
        return hashlib.sha256(host.read(path)).hexdigest()
    return None
