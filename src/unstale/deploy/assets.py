"""The union of hashed assets: a page that is open in a browser finds the files of its own build.

A file's own mtime says when a release last published it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from unstale.deploy.home import Home
from unstale.deploy.manifest import Built, Manifest
from unstale.errors import Failed
from unstale.host import Host

AGE = timedelta(days=14)
"""As long as a tab may stay open with a build of which no release is left."""

_BATCH = 500


def publish(host: Host, home: Home, dist: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Copy them into the union and return the names whose content differs from what is there: they are no hashes.

    What is there is never replaced. Each appears under its name when it is whole.
    """
    differing = []
    known = []
    host.makedirs(str(home.assets), 0o755)
    for name in names:
        source, target = f"{dist}/{name}", f"{home.assets}/{name}"
        if host.stat(target, follow=False) is None:
            for each in reversed(Path(name).parents[:-1]):
                host.makedirs(f"{home.assets}/{each}", 0o755)
            host.write(target, host.read(source), 0o644)
        elif host.hash(target) == host.hash(source):
            known.append(target)
        else:
            differing.append(name)
    for at in range(0, len(known), _BATCH):
        done = host.act(("touch", "--no-create", "--", *known[at : at + _BATCH]))
        if done.code != 0:
            raise Failed(
                what="assets were not published", why=done.err.strip(), next=f"ls -la {home.assets}"
            )
    return tuple(differing)


def prune_assets(host: Host, home: Home, kept: tuple[Manifest, ...]) -> int:
    """Remove the assets that no kept release has and that none published for 14 days; return how many."""
    if host.stat(str(home.assets)) is None:
        return 0
    needed = {name for each in kept for built in each.front_ends for name in built.assets}
    oldest = (host.now() - AGE).timestamp()
    doomed = [
        each.path
        for each in host.walk(str(home.assets))
        if each.kind == "file" and each.path not in needed and each.mtime_ns / 1e9 < oldest
    ]
    for path in doomed:
        host.discard(f"{home.assets}/{path}")
    return len(doomed)


def built_before(
    usable: tuple[Manifest, ...], path: str, inputs: str
) -> tuple[Manifest, Built] | None:
    """Return the newest release that built the same front end from the same inputs."""
    pairs = ((each, built) for each in usable for built in each.front_ends)
    return next((pair for pair in pairs if (pair[1].path, pair[1].inputs) == (path, inputs)), None)
