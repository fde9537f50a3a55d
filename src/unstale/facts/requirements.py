"""Which requirements of a lock an environment does not meet; pure."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from unstale.facts.environment import Environments
from unstale.facts.locks import Locked, Wanted


def unmet(locked: Locked, environments: Environments) -> tuple[tuple[Wanted, str | None], ...]:
    """Return (wanted, installed version or None) of each requirement that the environment does not meet."""
    environment = next((each for each in environments.environments if each.prefix == locked.prefix), None)
    if environment is None:
        return ()
    installed = {each.name: each.version for each in environment.distributions}
    return tuple(
        (wanted, installed.get(wanted.name))
        for wanted in locked.wanted
        if not _met(wanted.specifier, installed.get(wanted.name))
    )


def _met(specifier: str, version: str | None) -> bool:
    """Return whether the version is in the range; a local label such as +cpu does not matter (PEP 440)."""
    if version is None:
        return False
    try:
        found = Version(version)
    except InvalidVersion:
        return specifier == f"=={version}" or not specifier
    ranges = SpecifierSet(specifier)
    return ranges.contains(found, prereleases=True) or ranges.contains(found.public, prereleases=True)
