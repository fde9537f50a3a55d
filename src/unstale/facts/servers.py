"""The PostgreSQL databases that the project's settings, dotenv files and processes name; none is asked."""

from __future__ import annotations

import configparser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unstale.detect.database import URL_KEY
from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.app_processes import AppProcesses
from unstale.facts.database_urls import postgres
from unstale.facts.environ import environ_of
from unstale.layer import Layer
from unstale.project import DatabaseUrl
from unstale.redact import without_password

_INI = "sqlalchemy.url"


@dataclass(frozen=True, slots=True)
class Server:
    """One URL without its password, e.g. Server("postgresql://app@db/shop", "DATABASE_URL", 4711, ("/srv/.env",), …).

    `key` names it, in the environment of process `pid` or in the files; the password is read there when it is needed.
    """

    url: str
    key: str
    pid: int | None
    files: tuple[str, ...]
    backend: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseServers(Fact):
    """Every PostgreSQL database that is configured. A process's own environment beats a file for its back end."""

    layer = Layer.DATABASE

    servers: tuple[Server, ...]

    @classmethod
    def gather(cls, facts: Facts) -> DatabaseServers:
        running = _running(facts)
        said = {(each.backend, each.key) for each in running}
        written = [_written(facts, each) for each in facts.project.databases]
        found = [
            *(each for each in running if postgres(each.url)),
            *(
                each
                for each in written
                if postgres(each.url) and (each.backend, each.key) not in said
            ),
        ]
        found = found or [each for each in _configured(facts) if postgres(each.url)]
        if not found:
            raise Absent(
                what="no PostgreSQL",
                why="no setting, .env or process names a PostgreSQL database",
                next="Name it: unstale.toml [database] url",
            )
        once = {each.url: each for each in reversed(found)}
        return cls(seen_at=facts.host.now(), servers=tuple(once[url] for url in sorted(once)))


def _running(facts: Facts) -> list[Server]:
    """Return the URL of any kind that each server's environment holds."""
    apps = facts.maybe(AppProcesses)
    found = []
    for each in apps.of("server", "job") if apps else ():
        with suppress(OSError):
            environ = environ_of(facts.host, each.pid)
            for key in sorted(name for name in environ if URL_KEY.fullmatch(name)):
                url = without_password(environ[key])
                files = _files(facts, each.backend)
                found.append(Server(url, key, each.pid, files, each.backend))
    return found


def _written(facts: Facts, url: DatabaseUrl) -> Server:
    settings = facts.project.settings
    if "url" in settings.database and settings.source is not None:
        return Server(url.url, "url", None, (str(settings.source),), url.backend)
    path, _, key = url.source.rpartition(" ")
    files = dict.fromkeys((path, *_files(facts, url.backend)))
    return Server(url.url, key, None, tuple(files), url.backend)


def _configured(facts: Facts) -> list[Server]:
    """Return what alembic.ini names, which counts where nothing else says anything."""
    found = []
    for each in facts.project.migrations if not facts.project.databases else ():
        parser = configparser.RawConfigParser()
        with suppress(configparser.Error, OSError):
            parser.read_string(facts.host.read(str(each.config)).decode("utf-8", "replace"))
        url = without_password(parser.get("alembic", _INI, fallback=""))
        owners = [back.path for back in facts.project.backends]
        backend = owners[0] if len(owners) == 1 else None
        found.append(Server(url, _INI, None, (str(each.config),), backend))
    return found


def _files(facts: Facts, backend: Path | None) -> tuple[str, ...]:
    found = next((each for each in facts.project.backends if each.path == backend), None)
    return tuple(map(str, found.env_files)) if found else ()
