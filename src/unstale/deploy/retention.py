"""Removes releases that nothing needs any more; what an app wrote into one is never removed with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from unstale.deploy.assets import prune_assets
from unstale.deploy.home import Home, is_id
from unstale.deploy.manifest import COMMITTED, Manifest, Releases, releases
from unstale.errors import UnstaleError
from unstale.host import Host

UNCOMMITTED = timedelta(days=1)
"""How long a release that failed, or that nobody took over, stays to be looked at."""

_REMOVING = ".removing"
_DERIVED = ("__pycache__", ".venv", "node_modules")
_MARGIN = 1.0
"""Seconds between the last write of the build and the time that the manifest has for it: it has none below."""


def prune_releases(
    host: Host, home: Home, keep: int, serving: str | None, needed: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Keep the last `keep` committed ones, the serving one, where its way back leads, and the `needed`.

    Return a sentence for each that was removed or could not be. Call it under the lock. A damaged one is left to a
    person. Each is renamed before it is deleted, and a deletion that was cut off is finished.
    """
    said = list(_finished(host, home))
    found = releases(host, home)
    staying = _staying(found, keep, serving) | needed
    doomed = [each for each in found.known if each.id not in staying and _over(host, each)]
    gone = set()
    for each in doomed:
        written = _written(host, home, each)
        if written:
            said.append(
                f"release {each.id} stays: the app wrote {written} into it; share it: [deploy] shared"
            )
            continue
        try:
            count = host.remove(str(home.release(each.id)), str(home.path))
        except (UnstaleError, OSError) as error:
            said.append(f"release {each.id} stayed: {error}")
            continue
        gone.add(each.id)
        said.append(f"removed release {each.id} ({each.status}, {count} files)")
    try:
        removed = prune_assets(
            host, home, tuple(each for each in found.known if each.id not in gone)
        )
        said += [f"removed {removed} assets that no release has"] if removed else []
    except (UnstaleError, OSError) as error:
        said.append(f"assets were not pruned: {error}")
    return tuple(said)


def _finished(host: Host, home: Home) -> Iterator[str]:
    names = host.names(str(home.releases)) if host.stat(str(home.releases)) else ()
    for name in names:
        if name.endswith(_REMOVING) and is_id(name.removesuffix(_REMOVING)):
            try:
                host.remove(str(home.releases / name), str(home.path))
            except (UnstaleError, OSError) as error:
                yield f"{name} stayed: {error}"


def _staying(found: Releases, keep: int, serving: str | None) -> frozenset[str]:
    committed = [each.id for each in found.known if each.status == COMMITTED]
    serves = found.find(serving) if serving else None
    back = serves.previous if serves else None
    newest = committed[-keep:] if keep > 0 else []
    return frozenset({*newest, *filter(None, (serving, back))})


def _over(host: Host, release: Manifest) -> bool:
    """Return whether its time is over: a committed one's is when newer ones are kept, another's after a day."""
    ended = release.ended_at or release.ready_at or release.made_at
    return release.status == COMMITTED or host.now() - ended > UNCOMMITTED


def _written(host: Host, home: Home, release: Manifest) -> str | None:
    """Return a file that was written after the release was ready: data that may be nowhere else."""
    if release.ready_at is None:
        return None
    ready = release.ready_at.timestamp() + _MARGIN
    for each in host.walk(str(home.release(release.id)), _DERIVED):
        own = each.path == "manifest.json"
        if each.kind == "file" and not own and each.mtime_ns / 1e9 > ready:
            return each.path
    return None
