"""The project's virtual environments and what is installed in them, read without running them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.app_processes import AppProcesses
from unstale.host import Host
from unstale.layer import Layer
from unstale.project import Backend


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution: its PEP 503 name, version, dist-info directory and when its RECORD was written.

    `local` is the directory that it was installed from (direct_url.json, PEP 610), `editable` whether it follows it.
    """

    name: str
    version: str
    path: str
    written_at: datetime
    local: str | None
    editable: bool


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment. `tag` is the bytecode's cache tag ("cpython-311"), `version` "3.11.7"."""

    prefix: str
    python: str
    version: str
    tag: str
    site: str
    backend: str
    distributions: tuple[Distribution, ...]

    def find(self, name: str) -> Distribution | None:
        """Return the distribution of that name, whatever its spelling."""
        wanted = canonicalize_name(name)
        return next((each for each in self.distributions if each.name == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments(Fact):
    """One environment for each back end: the running server's, else the one found beside the code."""

    layer = Layer.ENVIRONMENT

    environments: tuple[Environment, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Environments:
        if not facts.project.backends:
            raise Absent(what="no back end", why="no back end here", next="Nothing to do.")
        found = [each for backend in facts.project.backends if (each := _environment(facts, backend))]
        if not found:
            raise Absent(what="no environment", why="no virtual environment here", next="python3 -m venv .venv")
        return cls(seen_at=facts.host.now(), environments=tuple(found))

    def summary(self) -> str:
        return ", ".join(f"Python {each.version}, {len(each.distributions)} packages" for each in self.environments)


def _environment(facts: Facts, backend: Backend) -> Environment | None:
    prefix = _serving_prefix(facts, backend) or (str(backend.python.parent.parent) if backend.python else None)
    if prefix is None:
        return None
    config = _config(facts.host, prefix)
    version = config.get("version") or config.get("version_info") or ""
    minor = ".".join(version.split(".")[:2])
    site = f"{prefix}/lib/python{minor}/site-packages"
    if not minor or facts.host.stat(site) is None:
        return None
    return Environment(
        prefix=prefix,
        python=f"{prefix}/bin/python",
        version=".".join(version.split(".")[:3]),
        tag=f"cpython-{minor.replace('.', '')}",
        site=site,
        backend=str(backend.path),
        distributions=tuple(_distributions(facts.host, site)),
    )


def _serving_prefix(facts: Facts, backend: Backend) -> str | None:
    processes = facts.maybe(AppProcesses)
    serving = processes.of("server") if processes and "python" not in _table(facts, backend) else ()
    return next((each.prefix for each in serving if each.backend == backend.path and each.prefix), None)


def _table(facts: Facts, backend: Backend) -> dict[str, object]:
    tables = facts.project.settings.backends
    root = facts.project.root
    return next((each for each in tables if (root / str(each.get("path", "."))).resolve() == backend.path), {})


def _config(host: Host, prefix: str) -> dict[str, str]:
    """Return pyvenv.cfg's keys; venv writes `version`, virtualenv and uv `version_info`."""
    text = host.read(f"{prefix}/pyvenv.cfg").decode("utf-8", "replace")
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


_DIST_INFO = re.compile(r"(.+)-([^-]+)\.dist-info")


def _distributions(host: Host, site: str) -> list[Distribution]:
    found = []
    for name in host.names(site):
        match = _DIST_INFO.fullmatch(name)
        if match:
            path = f"{site}/{name}"
            seen = host.stat(f"{path}/RECORD") or host.stat(path)
            local, editable = _origin(host, path)
            written = datetime.fromtimestamp(seen.ctime_ns / 1e9 if seen else 0, UTC)
            found.append(Distribution(canonicalize_name(match[1]), match[2], path, written, local, editable))
    return found


def _origin(host: Host, path: str) -> tuple[str | None, bool]:
    if host.stat(f"{path}/direct_url.json") is None:
        return None, False
    with suppress(ValueError):
        document = json.loads(host.read(f"{path}/direct_url.json"))
        url = str(document.get("url", ""))
        if url.startswith("file://"):
            return str(Path(url.removeprefix("file://"))), bool(document.get("dir_info", {}).get("editable"))
    return None, False
