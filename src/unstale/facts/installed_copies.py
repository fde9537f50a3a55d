"""Copies of the project's own packages in its environments, file by file against the checkout."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unstale.fact import Fact, Facts
from unstale.facts.distributions import Distribution
from unstale.facts.environment import Environment, Environments
from unstale.host import Host
from unstale.layer import Layer


@dataclass(frozen=True, slots=True)
class Copy:
    """A distribution installed from a directory of the project; `differing` are paths inside."""

    name: str
    prefix: str
    source: str
    site: str
    compared: int
    differing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledCopies(Fact):
    """Every non-editable install of the project's own code."""

    layer = Layer.BYTECODE

    copies: tuple[Copy, ...]

    @classmethod
    def gather(cls, facts: Facts) -> InstalledCopies:
        found = [
            _copy(facts.host, environment, each, each.local)
            for environment in facts.get(Environments).environments
            for each in environment.distributions
            if each.local is not None and not each.editable and facts.project.contains(each.local)
        ]
        return cls(seen_at=facts.host.now(), copies=tuple(found))


def _copy(host: Host, environment: Environment, installed: Distribution, source: str) -> Copy:
    record = host.read(f"{installed.path}/RECORD").decode("utf-8", "replace")
    names = [
        line.split(",")[0] for line in record.splitlines() if line.split(",")[0].endswith(".py")
    ]
    differing, compared = [], 0
    for name in names:
        for place in (source, f"{source}/src"):
            theirs = _digest(host, f"{place}/{name}")
            if theirs is not None:
                compared += 1
                if theirs != _digest(host, f"{environment.site}/{name}"):
                    differing.append(str(Path(f"{place}/{name}").relative_to(source)))
                break
    return Copy(
        installed.name, environment.prefix, source, environment.site, compared, tuple(differing)
    )


def _digest(host: Host, path: str) -> str | None:
    with suppress(OSError):
        return hashlib.sha256(host.read(path)).hexdigest()
    return None
