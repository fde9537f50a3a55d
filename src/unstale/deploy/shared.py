"""What leads out of a release: the database, env files and uploads, which outlive it and are never moved."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from unstale.deploy.home import Home
from unstale.errors import Failed, Refused, UsageError
from unstale.fact import Facts
from unstale.facts.database_urls import sqlite_file
from unstale.facts.git import git
from unstale.facts.sqlite import Databases
from unstale.host import Host

_UPLOADS = ("uploads", "media", "user_uploads")
_KEEPERS = frozenset({".gitkeep", ".keep", ".gitignore", "README.md"})
_FRONT_END_ENV = (".env", ".env.local", ".env.production", ".env.production.local")


@dataclass(frozen=True, slots=True)
class Link:
    """A path relative to the release, and the absolute one that it leads to."""

    path: str
    target: str


def links(facts: Facts, home: Home, commit: str | None) -> tuple[Link, ...]:
    """Return what a release of the commit (None: of the working tree) shares with the other releases.

    `[deploy] shared`, SQLite files, the env files and uploads that git does not keep. Raises Refused where a database
    could not be reached from a release, UsageError for a bad setting.
    """
    root = facts.project.root
    found = {each.path: each for each in _found(facts, home, commit)}
    found |= {each.path: each for each in _databases(facts, home)}
    for path in _said(facts):
        places = (home.shared / path, root / path)
        there = next((each for each in places if facts.host.stat(str(each)) is not None), None)
        if there is None and path not in found:
            raise Refused(
                what=f"cannot share {path}",
                why=f"it is neither in {home.shared} nor in {root}",
                next=f"Make it: mkdir -p {root / path}",
            )
        if there is not None:
            found[path] = Link(path, str(there))
    outer = [each for each in found if any(str(above) in found for above in Path(each).parents)]
    return tuple(found[path] for path in sorted(found) if path not in outer)


def _said(facts: Facts) -> Iterator[str]:
    said = facts.project.settings.deploy.get("shared", [])
    for each in said if isinstance(said, list) else [None]:
        path = os.path.normpath(each) if isinstance(each, str) and each else ".."
        if path.startswith(("/", "..")) or path == ".":
            raise UsageError(
                what=f"cannot use {facts.project.settings.source}",
                why="shared in [deploy] is no list of paths inside of the project",
                next='Write shared = ["uploads"].',
            )
        yield path


def _databases(facts: Facts, home: Home) -> Iterator[Link]:
    databases = facts.maybe(Databases)
    for file in databases.files if databases else ():
        ways = {str(sqlite_file(each.url, Path(each.base)) or file.path) for each in file.places}
        named = {path: each for each in (*ways, file.path) if (path := _inside(facts, home, each))}
        if not named and any(each.relative for each in file.places):
            raise Refused(
                what=f"a release could not reach {file.path}",
                why=f"{file.places[0].source} names it relative to a directory outside of the project",
                next="Name it by an absolute path.",
            )
        for path in named:
            yield Link(path, file.path)


def _inside(facts: Facts, home: Home, path: str) -> str | None:
    """Return the path that it has in a release, None for what is not of the project."""
    root = facts.project.root
    if Path(path).is_relative_to(home.path):
        return home.holds(path)
    return str(Path(path).relative_to(root)) if facts.project.contains(path) else None


def _found(facts: Facts, home: Home, commit: str | None) -> Iterator[Link]:
    """Yield env files and directories of uploads, where git does not keep them."""
    project, host = facts.project, facts.host
    places = [path for each in project.backends for path in each.env_files]
    places += [each.path / name for each in project.frontends for name in _FRONT_END_ENV]
    above = {project.root, *(each.path for each in project.backends)}
    places += [place / name for place in sorted(above) for name in _UPLOADS]
    there = [each for each in places if host.stat(str(each)) and project.contains(each)]
    paths = list(dict.fromkeys(project.relative(each) for each in there))
    kept = _kept(facts, commit, paths) if paths else frozenset()
    for path in paths:
        mine = [each for each in kept if each == path or each.startswith(f"{path}/")]
        if all(each != path and each.rpartition("/")[2] in _KEEPERS for each in mine):
            shared = home.shared / path
            yield Link(path, str(shared if host.stat(str(shared)) else project.root / path))


def _kept(facts: Facts, commit: str | None, paths: Iterable[str]) -> frozenset[str]:
    """Return the files at or below the paths that the commit, or the index, has."""
    host, root = facts.host, str(facts.project.root)
    words = ("ls-tree", "-rz", "--name-only", commit) if commit else ("ls-files", "-z")
    return frozenset(git(host, root, *words, "--", *paths, timeout=20).split("\0")) - {""}


def make(host: Host, release: str, link: Link) -> None:
    """Put the link into the release in place of what the commit has there.

    Raises Failed where a link of the commit's own leads out of the release on the way: nothing is written there.
    """
    at, top = f"{release}/{link.path}", host.real(release)
    if host.real(at) == host.real(link.target):
        return  # the commit has a link of its own to the same place
    above = str(Path(at).parent)
    if not Path(host.real(above)).is_relative_to(top):
        raise Failed(
            what=f"{link.path} cannot be shared",
            why=f"{above} leads to {host.real(above)}, out of the release",
            next=f'Share the directory: shared = ["{Path(link.path).parts[0]}"] in [deploy]',
        )
    for each in reversed([Path(above), *Path(above).parents]):
        if each.is_relative_to(release):
            host.makedirs(str(each), 0o755)
    if host.stat(at, follow=False) is not None:
        host.remove(at, release)
    done = host.act(("ln", "--symbolic", "--no-target-directory", "--", link.target, at))
    if done.code != 0:
        raise Failed(what=f"cannot link {at}", why=done.err.strip(), next=f"ls -la {above}")
