"""The project's virtual environments and what is installed in them, read without running them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.app_processes import AppProcesses
from unstale.facts.distributions import Distribution, distributions
from unstale.host import Host
from unstale.layer import Layer
from unstale.project import Backend


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment. `tag` is the bytecode's cache tag ("cpython-311"), `version` "3.11.7".

    `distributions` are its own, `borrowed` those that .pth files or the system's Python lend it.
    """

    prefix: str
    python: str
    version: str
    tag: str
    site: str
    backend: str
    distributions: tuple[Distribution, ...]
    borrowed: tuple[Distribution, ...] = ()

    def find(self, name: str) -> Distribution | None:
        """Return its own distribution of that name, whatever its spelling."""
        wanted = canonicalize_name(name)
        return next((each for each in self.distributions if each.name == wanted), None)

    def versions(self, name: str) -> tuple[str, ...]:
        """Return the versions that can be imported: its own, else the borrowed ones."""
        own = tuple(each.version for each in self.distributions if each.name == name)
        return own or tuple(each.version for each in self.borrowed if each.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments(Fact):
    """One environment for each back end: the running server's, else the one beside the code."""

    layer = Layer.ENVIRONMENT

    environments: tuple[Environment, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Environments:
        backends = facts.project.backends
        if not backends:
            raise Absent(what="no back end", why="no back end here", next="Nothing to do.")
        found = [each for backend in backends if (each := _environment(facts, backend))]
        if not found:
            raise Absent(
                what="no environment",
                why="no virtual environment here",
                next="python3 -m venv .venv",
            )
        return cls(seen_at=facts.host.now(), environments=tuple(found))

    def summary(self) -> str:
        return ", ".join(
            f"Python {each.version}, {len(each.distributions)} packages"
            for each in self.environments
        )


def _environment(facts: Facts, backend: Backend) -> Environment | None:
    beside = str(backend.python.parent.parent) if backend.python else None
    prefix = _serving_prefix(facts, backend) or beside
    if prefix is None or facts.host.stat(f"{prefix}/pyvenv.cfg") is None:
        return None
    return environment_at(facts.host, prefix, str(backend.path))


def environment_at(host: Host, prefix: str, backend: str) -> Environment | None:
    """Return the virtual environment of that prefix, None for half of one. Raises Unavailable, OSError."""
    config = _config(host, prefix)
    version = config.get("version") or config.get("version_info") or ""
    if not version:
        raise Unavailable(
            what=f"cannot tell the Python of {prefix}",
            why="its pyvenv.cfg names no version",
            next=f"{prefix}/bin/python -V, or make it again: python3 -m venv --clear {prefix}",
        )
    minor = ".".join(version.split(".")[:2])
    pypy = config.get("implementation", "").lower() == "pypy"
    site = f"{prefix}/lib/{'pypy' if pypy else 'python'}{minor}/site-packages"
    if host.stat(site) is None:
        return None
    own = distributions(host, site)
    return Environment(
        prefix=prefix,
        python=f"{prefix}/bin/python",
        version=".".join(version.split(".")[:3]),
        tag=f"{'pypy' if pypy else 'cpython-'}{minor.replace('.', '')}",
        site=site,
        backend=backend,
        distributions=tuple(own),
        borrowed=tuple(_borrowed(host, site, config, minor)),
    )


def _serving_prefix(facts: Facts, backend: Backend) -> str | None:
    processes = facts.maybe(AppProcesses)
    if processes is None or "python" in _table(facts, backend):
        return None
    serving = (each for each in processes.of("server") if each.backend == backend.path)
    return next((each.prefix for each in serving if each.prefix), None)


def _table(facts: Facts, backend: Backend) -> dict[str, object]:
    root = facts.project.root
    mine = (
        each
        for each in facts.project.settings.backends
        if (root / str(each.get("path", "."))).resolve() == backend.path
    )
    return next(mine, {})


def _config(host: Host, prefix: str) -> dict[str, str]:
    """Return pyvenv.cfg's keys; venv writes `version`, virtualenv and uv `version_info`."""
    text = host.read(f"{prefix}/pyvenv.cfg").decode("utf-8", "replace")
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _borrowed(host: Host, site: str, config: dict[str, str], minor: str) -> list[Distribution]:
    """Return what lies on the interpreter's path outside of its own directory (site.py's rules)."""
    places = _linked(host, site)
    if config.get("include-system-site-packages", "").lower() == "true":
        base = str(Path(config.get("home", "/usr/bin")).parent)
        places += [f"{base}/lib/python{minor}/site-packages", f"{base}/lib/python3/dist-packages"]
        places.append(f"{base}/local/lib/python{minor}/dist-packages")
        places.append(f"{host.environ('HOME')}/.local/lib/python{minor}/site-packages")
    found = []
    for place in places:
        with suppress(OSError):
            found += distributions(host, place)
    return found


def _linked(host: Host, site: str) -> list[str]:
    """Return the directories that .pth files add."""
    places: list[str] = []
    for name in host.names(site):
        if name.endswith(".pth"):
            with suppress(OSError):
                lines = host.read(f"{site}/{name}", 65536).decode("utf-8", "replace").splitlines()
                paths = (line.strip() for line in lines)
                wanted = (path for path in paths if path and not path.startswith(("#", "import")))
                places += [str(Path(site) / path) for path in wanted if "\0" not in path]
    return places
