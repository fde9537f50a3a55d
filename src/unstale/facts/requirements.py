"""Which requirements of a lock an environment does not meet; pure."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from unstale.facts.environment import Environment, Environments
from unstale.facts.lock_formats import Wanted
from unstale.facts.locks import Locked

Unmet = tuple[Wanted, str | None]


def unmet(locked: Locked, environments: Environments) -> tuple[Unmet, ...]:
    """Return (wanted, installed version or None) of each requirement that is not met."""
    found = environments.environments
    environment = next((each for each in found if each.prefix == locked.prefix), None)
    if environment is None:
        return ()
    return tuple(each for wanted in locked.wanted for each in _unmet(wanted, environment))


def _unmet(wanted: Wanted, environment: Environment) -> tuple[Unmet, ...]:
    versions = environment.versions(wanted.name)
    if not versions:
        return ((wanted, None),) if wanted.required else ()
    met = any(_met(wanted.specifier, each) for each in versions)
    return () if met else ((wanted, versions[0]),)


def _met(specifier: str, version: str) -> bool:
    """Return whether the version is in the range.

    A local label such as +cpu does not matter: it names a build of the same release (PEP 440).
    """
    try:
        found, ranges = Version(version), SpecifierSet(specifier)
    except (InvalidVersion, InvalidSpecifier):
        return not specifier or specifier.lstrip("=") == version
    if ranges.contains(found, prereleases=True):
        return True
    public = SpecifierSet(",".join(str(each).partition("+")[0] for each in ranges))
    return public.contains(found.public, prereleases=True)
