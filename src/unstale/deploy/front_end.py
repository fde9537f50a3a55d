"""What a front end is built from, and which files of a build are named by their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from unstale.detect.files import PRUNED
from unstale.facts.environ import own_environ
from unstale.host import Host
from unstale.project import Frontend

_TOKEN = re.compile(r"[-.]([A-Za-z0-9_-]{8,})\.\w+(?:\.map)?$")
_LIKE_A_HASH = re.compile(r"[A-Z0-9]")
_BAKED = ("VITE_", "NEXT_PUBLIC_", "REACT_APP_", "PUBLIC_", "NUXT_", "NODE_ENV")
_PYTHON = (".py", ".pyi", ".pyc")
_MANIFESTS = ("package.json", "package-lock.json")


def lock_digest(host: Host, frontend: Frontend) -> str:
    """Return the digest of the package-lock.json, "" without one."""
    path = f"{frontend.path}/{_MANIFESTS[1]}"
    return host.hash(path) if host.stat(path) else ""


def inputs(host: Host, release: Path, frontend: Frontend, command: tuple[str, ...]) -> str:
    """Return a digest of all that the build can read: every file of the release but Python elsewhere, the command, the
    version of Node and the variables that builds write into their output. About 30 ms for each 1,000 files.
    """
    inside = f"{frontend.path.relative_to(release)}/".removeprefix("./")
    whole = b".py" in host.read(f"{frontend.path}/{_MANIFESTS[0]}")  # its scripts may run Python
    lines = [" ".join(command), host.run(("node", "--version")).out.strip(), *_variables(host)]
    dist = f"{frontend.dist.relative_to(release)}/" if _within(frontend.dist, release) else ""
    for each in host.walk(str(release), PRUNED):
        mine = whole or each.path.startswith(inside) or not each.path.endswith(_PYTHON)
        ours = each.path in ("manifest.json", "BUILDING")
        built = bool(dist) and each.path.startswith(dist)
        if mine and not ours and not built:
            lines += _line(host, release, each.path, each.kind)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _within(path: Path, release: Path) -> bool:
    return path.is_relative_to(release) and path != release


def _line(host: Host, release: Path, path: str, kind: str) -> Iterator[str]:
    """Yield a file's path and digest. Of what a link leads to only env files: a build reads no database."""
    at = f"{release}/{path}"
    if kind == "file":
        yield f"{path} {host.hash(at)}"
    elif kind == "link":
        seen = host.stat(at)
        env = Path(path).name.startswith(".env") and seen is not None and seen.kind == "file"
        yield f"{path} {host.hash(at) if env else host.readlink(at)}"


def _variables(host: Host) -> list[str]:
    """Return the variables that a build may bake in; their values go into a digest alone."""
    pairs = own_environ(host).items()
    return sorted(f"{key}={value}" for key, value in pairs if key.startswith(_BAKED))


def output(host: Host, dist: Path) -> str:
    """Return a digest of what a build wrote, "" where nothing is there."""
    if host.stat(str(dist)) is None:
        return ""
    files = (each.path for each in host.walk(str(dist)) if each.kind == "file")
    lines = (f"{path} {host.hash(f'{dist}/{path}')}" for path in files)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def hashed_assets(host: Host, frontend: Frontend) -> tuple[str, ...]:
    """Return the files of the build that are named by their content, relative to it: "assets/main-Bx3kd8A2.js".

    What lies in `public` was copied under its own name; a page is never hashed.
    """
    if host.stat(str(frontend.dist)) is None:
        return ()
    public = f"{frontend.path}/public"
    found = host.walk(str(frontend.dist), PRUNED)
    names = (each.path for each in found if each.kind == "file" and not each.path.endswith(".html"))
    return tuple(
        name
        for name in names
        if (token := _TOKEN.search(name))
        and _LIKE_A_HASH.search(token[1])
        and host.stat(f"{public}/{name}") is None
    )
