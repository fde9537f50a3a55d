"""What a release's environment is made from: the nearest lock, else requirements that are resolved once."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unstale.deploy.home import Home
from unstale.deploy.manifest import releases
from unstale.errors import Failed
from unstale.host import Host
from unstale.project import Backend
from unstale.redact import MASK

LOCKS = ("uv.lock", "pylock.toml", "poetry.lock")
_FILES = (*LOCKS, "requirements.txt")
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]*(\S+)", re.MULTILINE)
_ADDING = {"uv.lock": "uv add {}", "poetry.lock": "poetry add {}"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The file that says what is installed. `inputs` is a digest of it and of the files that it names.

    Not `exact`: it leaves versions open, or names no hashes, so that it must be resolved.
    """

    path: str
    inputs: str
    exact: bool

    @property
    def name(self) -> str:
        """Return the file's name."""
        return Path(self.path).name

    def line_to_add(self, package: str) -> str:
        """Return what a person writes or runs so that the package is installed too."""
        if self.name in _ADDING:
            return f"{_ADDING[self.name].format(package)}, and commit {self.name}."
        if self.name == "pyproject.toml":
            return f'Add this line to dependencies in pyproject.toml: "{package}",'
        again = ", and lock again" if self.exact else ""
        return f"Add this line to {self.name}: {package}{again}"


@dataclass(frozen=True, slots=True)
class Lines:
    """Resolved requirements: those with hashes, and those that have none (paths, git, an index without hashes)."""

    hashed: tuple[str, ...]
    plain: tuple[str, ...]


def asked(host: Host, backend: Backend, release: Path) -> Asked:
    """Return what the back end of a release asks for. Raises Failed where nothing says it."""
    places = [
        each for each in (backend.path, *backend.path.parents) if each.is_relative_to(release)
    ]
    found = [*backend.requirements, *(place / name for place in places for name in _FILES)]
    path = next((each for each in found if host.stat(str(each)) is not None), None)
    if path is None:
        projects = (place / "pyproject.toml" for place in places)
        path = next((each for each in projects if _depends(host, each)), None)
    if path is None:
        raise Failed(
            what="the release has no environment",
            why=f"no lock, requirements.txt or dependencies in a pyproject.toml in {backend.path}",
            next=f"Write what is installed: uv pip freeze > {backend.path.name}/requirements.txt",
        )
    if path.name in LOCKS or path.suffix == ".toml":
        exact = path.name != "pyproject.toml"
        return Asked(str(path), _digest(path.name, [host.read(str(path))]), exact)
    texts = list(_texts(host, path, set()))
    exact = "--hash" in texts[0].decode("utf-8", "replace")
    return Asked(str(path), _digest(path.name, texts), exact)


def _depends(host: Host, path: Path) -> bool:
    if host.stat(str(path)) is None:
        return False
    try:
        document = tomllib.loads(host.read(str(path)).decode())
        return bool(document.get("project", {}).get("dependencies"))
    except (ValueError, AttributeError):
        return False


def _texts(host: Host, path: Path, seen: set[Path]) -> Iterator[bytes]:
    """Yield the file and those that it includes (-r, -c)."""
    if path in seen or host.stat(str(path)) is None:
        return
    seen.add(path)
    text = host.read(str(path))
    yield text
    for name in _INCLUDE.findall(text.decode("utf-8", "replace")):
        yield from _texts(host, path.parent / name, seen)


def _digest(name: str, texts: list[bytes]) -> str:
    parts = (hashlib.sha256(each).hexdigest() for each in texts)
    return hashlib.sha256("\n".join((name, *parts)).encode()).hexdigest()


def resolved_before(host: Host, home: Home, inputs: str, python: str) -> tuple[str, ...]:
    """Return what an earlier release resolved the same inputs to for the same Python, () for none.

    Lines that hid a password cannot be used again.
    """
    for each in releases(host, home).usable():
        made = each.environment
        if made and made.once and (made.inputs, made.python) == (inputs, python):
            return () if any(MASK in line for line in made.resolved) else made.resolved
    return ()


def entries(text: str) -> tuple[str, ...]:
    """Return the requirements of `uv pip compile`, an entry each. An address in one may hold a password."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = (line.strip() for line in joined.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def parted(resolved: tuple[str, ...]) -> Lines:
    """Part what can be held against a hash from what cannot."""
    hashed = tuple(each for each in resolved if "--hash" in each)
    return Lines(hashed, tuple(each for each in resolved if "--hash" not in each))
