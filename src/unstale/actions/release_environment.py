"""Makes a release's virtual environment from its lock; without one its requirements are resolved once."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.environment import run_uv
from unstale.actions.files import hide
from unstale.actions.make_release import DiscardRelease
from unstale.actions.new_environment import sources
from unstale.deploy import manifest
from unstale.deploy.asked import Asked, asked, entries, parted, resolved_before
from unstale.deploy.content import content
from unstale.deploy.home import Home
from unstale.deploy.manifest import Installed
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.environment import Environment, environment_at
from unstale.facts.locks import locked_by
from unstale.host import Host
from unstale.layer import Layer, Risk
from unstale.redact import mask


@dataclass(frozen=True, slots=True)
class Local:
    """A distribution that is installed from a directory: of the project, relative to a release, or absolute."""

    name: str
    path: str
    editable: bool


@dataclass(frozen=True, slots=True)
class ReleaseEnvironment(Action):
    """Make `.venv` in the release, by uv. `base` is the Python, `server` the package that must be in it (uvicorn).

    `local` are installed too where nothing else does. `system`: it sees the system's packages. Bytecode of packages is
    compiled here, once.
    """

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.ENVIRONMENT

    home: str
    id: str
    root: str
    base: str
    server: str
    local: tuple[Local, ...] = ()
    system: bool = False

    def title(self) -> str:
        return f"install the environment of release {self.id}"

    def preview(self) -> tuple[str, ...]:
        prefix = self._home.environment(self.id)
        lock = f"{prefix.parent}/requirements.txt"
        install = f"uv pip install --python {prefix}/bin/python -r {lock}"
        return (f"uv venv --python {self.base} {prefix}", install)

    def settled(self, facts: Facts) -> bool:
        return manifest.read(facts.host, self._home, self.id).environment is not None

    def blocked(self, facts: Facts) -> str | None:
        gone = facts.host.stat(self.base) is None
        return f"the Python {self.base} is no longer there" if gone else None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return DiscardRelease(self.home, self.id)

    def apply(self, host: Host, keep: Keep) -> str:
        release, prefix = self._home.release(self.id), str(self._home.environment(self.id))
        hide(host, keep.trash)
        backend = content(host, release, Path(self.root)).backend
        wanted = asked(host, backend, release)
        if (
            host.stat(prefix, follow=False) is not None
        ):  # the commit has one, made for another place
            host.remove(prefix, str(release))
        seen = ("--system-site-packages",) if self.system else ()
        words = ("venv", "--no-project", "--python", self.base, *seen, prefix)
        run_uv(host, words, prefix, str(release))
        lines = self._install(host, keep, wanted, backend.path)
        said = list(self._install_local(host, release, backend.path))
        made = self._made(host, backend.path)
        if not made.versions(self.server):
            raise Failed(
                what=f"{self.server} is not in the release's environment",
                why=f"{wanted.name} does not name it, and it is what serves the app",
                next=wanted.line_to_add(self.server),
            )
        installed = Installed(
            source=wanted.name,
            inputs=wanted.inputs,
            fingerprint=_fingerprint(made),
            python=made.version,
            once=not wanted.exact,
            resolved=lines,
        )
        manifest.change(host, self._home, self.id, environment=installed)
        if not wanted.exact:
            said.append(f"{wanted.name} is no lock: resolved once, and kept with hashes")
        return "; ".join(said)

    @property
    def _home(self) -> Home:
        return Home(Path(self.home))

    def _install(self, host: Host, keep: Keep, wanted: Asked, backend: Path) -> tuple[str, ...]:
        """Install what is asked for; return the lines that it was resolved to, () for a lock."""
        cwd = str(Path(wanted.path).parent)
        if wanted.name == "uv.lock":
            own = host.stat(f"{backend}/pyproject.toml") is not None
            project = ("--project", str(backend) if own else cwd)
            mode = ("--frozen", "--no-default-groups", "--compile-bytecode", "--python", self.base)
            self._uv(host, ("sync", *mode, *project), cwd)
            return ()
        if wanted.name == "poetry.lock":
            locked = locked_by(host, Path(wanted.path), self._made(host, backend))
            lines = tuple(f"{each.name}{each.specifier}" for each in locked.wanted)
            self._from(host, keep, cwd, lines, "--no-deps")
            return ()
        if wanted.exact:
            self._pip(host, cwd, "-r", wanted.path)
            return ()
        lines = self._resolved(host, keep, wanted, cwd)
        listed = wanted.path if wanted.path.endswith(".txt") else ""
        parts = parted(lines)
        indexes = tuple(sources(host, listed))
        if parts.hashed:
            self._from(host, keep, cwd, (*indexes, *parts.hashed), "--no-deps", "--require-hashes")
        if parts.plain:
            self._from(host, keep, cwd, (*indexes, *parts.plain), "--no-deps")
        return tuple(map(mask, lines))

    def _resolved(self, host: Host, keep: Keep, wanted: Asked, cwd: str) -> tuple[str, ...]:
        python = self._made(host, Path(cwd)).version
        before = resolved_before(host, self._home, wanted.inputs, python)
        if before:
            return before
        out = f"{keep.trash}/resolved.txt"
        shape = ("--generate-hashes", "--no-header", "--no-annotate", "--quiet")
        interpreter = ("--python", f"{self._home.environment(self.id)}/bin/python")
        self._uv(host, ("pip", "compile", *interpreter, *shape, "-o", out, wanted.path), cwd)
        return entries(host.read(out).decode("utf-8", "replace"))

    def _install_local(self, host: Host, release: Path, backend: Path) -> tuple[str, ...]:
        """Install what is installed from directories now and is not there yet; return what no lock says, in words."""
        said = []
        for each in self.local:
            place = str(release / each.path)
            if host.stat(place) is None or self._made(host, backend).versions(each.name):
                continue
            self._pip(host, str(release), "--no-deps", *(("-e",) if each.editable else ()), place)
            if place == each.path:
                said.append(f"{each.name} is a copy of {place}, which nothing here names")
        return tuple(said)

    def _from(self, host: Host, keep: Keep, cwd: str, lines: tuple[str, ...], *words: str) -> None:
        """Install lines by a file that only we may read: an index's address may hold a password."""
        path = f"{keep.trash}/install.txt"
        host.write(path, "\n".join(lines).encode())
        try:
            self._pip(host, cwd, *words, "-r", path)
        finally:
            host.discard(path)

    def _pip(self, host: Host, cwd: str, *words: str) -> None:
        python = f"{self._home.environment(self.id)}/bin/python"
        install = ("pip", "install", "--compile-bytecode", "--python", python)
        self._uv(host, (*install, *words), cwd)

    def _uv(self, host: Host, words: tuple[str, ...], cwd: str) -> None:
        run_uv(host, words, str(self._home.environment(self.id)), cwd)

    def _made(self, host: Host, backend: Path) -> Environment:
        prefix = str(self._home.environment(self.id))
        with suppress(FileNotFoundError):
            made = environment_at(host, prefix, str(backend))
            if made is not None:
                return made
        raise Failed(
            what="the release's environment is not whole",
            why=f"{prefix} has no site-packages",
            next=f"ls -la {prefix}",
        )


def _fingerprint(made: Environment) -> str:
    """Return a digest of the Python and of every version that it can import."""
    found = {f"{each.name}=={each.version}" for each in (*made.distributions, *made.borrowed)}
    return hashlib.sha256("\n".join((made.version, *sorted(found))).encode()).hexdigest()
