"""Readers of lock files: parsed TOML in, what an environment must hold out; pure.

Malformed documents raise KeyError, TypeError, AttributeError or ValueError; the caller says so.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from packaging.markers import Marker
from packaging.utils import canonicalize_name

Markers = dict[str, str]
Package = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A distribution that a lock names: a PEP 503 name and a PEP 440 specifier, "" for any version.

    Not `required`: only its version is judged, because the lock does not say whether this machine
    needs it.
    """

    name: str
    specifier: str
    required: bool = True


def holds(marker: str | None, markers: Markers) -> bool:
    """Return whether an environment marker (PEP 508) is true when no extra is selected."""
    return not marker or Marker(marker).evaluate({**markers, "extra": ""})


def read_uv(document: dict[str, Any], markers: Markers) -> list[Wanted]:
    """Walk uv.lock from the project itself over its dependencies; groups and extras are left out.

    A virtual workspace root has no package of its own: then from all members, as `uv sync` does.
    """
    packages: dict[str, list[Package]] = {}
    for each in document.get("package", []):
        packages.setdefault(each["name"], []).append(each)
    own = [each for each in document.get("package", []) if _source(each) is not None]
    todo: list[tuple[Package, str]] = [
        (each, "") for each in [one for one in own if _source(one) == "."] or own
    ]
    seen = set[tuple[str, str, str]]()
    found: dict[str, Wanted] = {}
    while todo:
        package, extra = todo.pop()
        key = (package["name"], package.get("version", ""), extra)
        if key in seen:
            continue
        seen.add(key)
        if _source(package) is None and "version" in package:
            name = canonicalize_name(package["name"])
            found[name] = Wanted(name, f"=={package['version']}")
        todo += _uv_needs(package, extra, packages, markers)
    return list(found.values())


def _source(package: Package) -> str | None:
    """Return the directory of a package that is built from the checkout, None for a fetched one."""
    source = package.get("source", {})
    return next(
        (source[key] for key in ("editable", "virtual", "directory") if key in source), None
    )


def _uv_needs(
    package: Package, extra: str, packages: dict[str, list[Package]], markers: Markers
) -> list[tuple[Package, str]]:
    optional = package.get("optional-dependencies", {})
    found = []
    for need in optional.get(extra, []) if extra else package.get("dependencies", []):
        if holds(need.get("marker"), markers):
            for target in packages.get(need["name"], []):
                same = need.get("version") in (None, target.get("version"))
                if same and _resolved(target, markers):
                    found += [(target, each) for each in ("", *need.get("extra", []))]
    return found


def _resolved(package: Package, markers: Markers) -> bool:
    conditions = package.get("resolution-markers", [])
    return not conditions or any(holds(each, markers) for each in conditions)


def read_pylock(document: dict[str, Any], markers: Markers) -> list[Wanted]:
    """Read PEP 751's packages that name a version, with its default groups and no extra."""
    groups = frozenset[str](document.get("default-groups", []))
    sets: dict[str, str | AbstractSet[str]] = {"extras": frozenset(), "dependency_groups": groups}
    return [
        Wanted(canonicalize_name(each["name"]), f"=={each['version']}")
        for each in document.get("packages", [])
        if "version" in each and "directory" not in each
        if "marker" not in each
        or Marker(each["marker"]).evaluate({**markers, **sets}, context="lock_file")
    ]


def read_poetry(document: dict[str, Any], markers: Markers) -> list[Wanted]:
    """Read poetry's main group without its optional packages.

    Before poetry 2 a lock names neither groups nor markers: then only versions can be judged.
    """
    found = []
    for each in document.get("package", []):
        marker = each.get("markers")
        marker = marker.get("main") if isinstance(marker, dict) else marker
        main = "main" in each.get("groups", ["main"]) and not each.get("optional")
        local = each.get("source", {}).get("type") in ("directory", "file")
        if main and not local and holds(marker, markers):
            name = canonicalize_name(each["name"])
            found.append(Wanted(name, f"=={each['version']}", required="groups" in each))
    return found
