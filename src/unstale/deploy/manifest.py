"""What a release is, in a file of it: `manifest.json`, "unstale.release/1"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from unstale import codec
from unstale.deploy.home import MANIFEST, Home, is_id
from unstale.errors import Unavailable
from unstale.host import Host

SCHEMA = "unstale.release/1"
BUILDING, READY, COMMITTED, FAILED = "building", "ready", "committed", "failed"
STATUSES = (BUILDING, READY, COMMITTED, FAILED)
_LISTS = ("not_exported", "linked", "front_ends", "heads")
_TIMES = ("made_at", "ready_at", "ended_at")


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment. `inputs` is the digest of what was asked for, `fingerprint` that of what was installed.

    `source` is "uv.lock". `once`: there was no lock, so it was resolved; `resolved` are its lines, with hashes.
    """

    source: str
    inputs: str
    fingerprint: str
    python: str
    once: bool = False
    resolved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """A front end's build; paths are relative to the release. `inputs` is the digest of what it was made from.

    `lock` is the digest of its package-lock.json, "" without one, `output` that of what was built, "" where the build
    writes elsewhere too, so that no other release can take it. `assets` are relative to `dist`, hashed by name.
    `reused_from` is the release whose build it is.
    """

    path: str
    dist: str
    lock: str
    inputs: str
    output: str = ""
    assets: tuple[str, ...] = ()
    reused_from: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One release. `tree` is git's name of its content; `dirty`: of the working tree, on top of `commit`.

    `way_back` is the class A, B or C (None: not known), `previous` the release that it leads to. `ended_at` is when it
    was committed or failed, `why` the failure's cause. `linked` are the paths that lead out of the release.
    """

    id: str
    commit: str
    dirty: bool
    message: str
    made_at: datetime
    status: str = BUILDING
    tree: str = ""
    not_exported: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    environment: Installed | None = None
    front_ends: tuple[Built, ...] = ()
    heads: tuple[str, ...] = ()
    fingerprint: str | None = None
    way_back: str | None = None
    previous: str | None = None
    ready_at: datetime | None = None
    ended_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases that are whole or being built, oldest first, and (name, what is wrong) of the others."""

    known: tuple[Manifest, ...]
    damaged: tuple[tuple[str, str], ...]

    def find(self, name: str) -> Manifest | None:
        """Return the release of that name."""
        return next((each for each in self.known if each.id == name), None)

    def usable(self) -> tuple[Manifest, ...]:
        """Return those from which another may take what was made, newest first: of the failed ones those that were
        never started, because only their code was at fault.
        """
        gated = (each for each in self.known if each.status == FAILED and each.ready_at is None)
        whole = (each for each in self.known if each.status in (READY, COMMITTED))
        return tuple(sorted((*gated, *whole), key=lambda each: each.id, reverse=True))


def write(host: Host, home: Home, manifest: Manifest) -> None:
    """Write it by temp, fsync, rename, fsync of the directory."""
    text = json.dumps({"schema": SCHEMA, **_document(manifest)}, indent=2)
    host.write(f"{home.release(manifest.id)}/{MANIFEST}", f"{text}\n".encode())


def read(host: Host, home: Home, name: str) -> Manifest:
    """Return the release's manifest. Raises Unavailable where there is none, or one that says something else."""
    path = f"{home.release(name)}/{MANIFEST}"
    try:
        return _manifest(json.loads(host.read(path)), name)
    except FileNotFoundError:
        there = host.stat(str(home.release(name))) is not None
        why = "it has no manifest" if there else "it is not there"
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"its manifest is damaged: {type(error).__name__}: {error}"
    raise Unavailable(
        what=f"release {name} cannot be used", why=why, next=f"Look at it: ls -la {home.releases}"
    )


def change(host: Host, home: Home, name: str, **fields: Any) -> Manifest:
    """Write these fields anew and return the whole. Raises Unavailable as `read` does."""
    manifest = replace(read(host, home, name), **fields)
    write(host, home, manifest)
    return manifest


def fail(host: Host, home: Home, name: str, why: str) -> None:
    """Mark a release as failed: it stays for a day, to be looked at. The marker goes after that is written."""
    change(host, home, name, status=FAILED, ended_at=host.now(), why=why)
    host.discard(str(home.marker(name)))


def releases(host: Host, home: Home, expected: tuple[str, ...] = ()) -> Releases:
    """Return what is there. An `expected` one (what serves, what a way back leads to) that is gone is named."""
    if host.stat(str(home.releases)) is None:
        return Releases((), tuple((each, "it is not there") for each in expected))
    known, damaged = [], []
    for name in sorted({*filter(is_id, host.names(str(home.releases))), *expected}):
        try:
            manifest = read(host, home, name)
        except Unavailable as error:
            damaged.append((name, error.why))
            continue
        flaws = tuple(_flaws(host, home, manifest))
        damaged += [(name, each) for each in flaws]
        known += [] if flaws else [manifest]
    return Releases(tuple(known), tuple(damaged))


def _flaws(host: Host, home: Home, manifest: Manifest) -> Iterator[str]:
    """Yield what a whole release lacks."""
    if manifest.status in (READY, COMMITTED):
        if host.stat(str(home.marker(manifest.id))) is not None:
            yield f"it is {manifest.status}, and yet {home.marker(manifest.id)} is there"
        python = f"{home.environment(manifest.id)}/bin/python"
        if manifest.environment is not None and host.stat(python) is None:
            yield f"{python} is gone"


def _document(manifest: Manifest) -> dict[str, Any]:
    document: dict[str, Any] = codec.encode(manifest)
    for name in _TIMES:
        when: datetime | None = getattr(manifest, name)
        document[name] = when and f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return document


def _manifest(document: Any, name: str) -> Manifest:
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is {document['schema']}")
    if not all(isinstance(document[each], list) for each in _LISTS):
        raise TypeError("what must be a list is none")
    found = codec.decode(Manifest, document)
    if not isinstance(found, Manifest) or found.id != name:
        raise ValueError(f"it is of {document['id']}")
    texts = (found.commit, found.message, found.tree, found.why)
    if found.status not in STATUSES or not all(isinstance(each, str) for each in texts):
        raise ValueError(f"its status is {found.status}")
    if not isinstance(found.made_at, datetime) or not isinstance(found.dirty, bool):
        raise TypeError("made_at or dirty is of the wrong kind")
    return found
