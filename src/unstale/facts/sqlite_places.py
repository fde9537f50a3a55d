"""Where a database URL leads: one file for each process, tool and directory that reads it."""

from __future__ import annotations

import configparser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.detect.database import URL_KEY
from unstale.facts.database_urls import foreign, relative, sqlite_file, unresolved
from unstale.facts.environ import environ_of
from unstale.facts.owners import owner
from unstale.project import DatabaseUrl
from unstale.redact import without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unstale.fact import Facts
    from unstale.facts.app_process import AppProcess
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class Place:
    """The file that one reader of a URL arrives at, links followed. `reader` is "process 4711", "alembic" or "the
    back end".

    `base` is the directory that a relative URL starts from. `certain` is False where the URL is
    only a default written in source.
    """

    path: str
    url: str
    source: str
    reader: str
    base: str
    relative: bool
    certain: bool
    backend: Path | None
    pid: int | None = None


def places_of(facts: Facts, mine: tuple[AppProcess, ...]) -> Iterator[Place]:
    """Yield where each URL of the settings, a .env or the source leads; without one, what else names a file."""
    written = [*_written(facts, mine)]
    if written:
        yield from written
        return
    running = [each for each in mine if each.backend and each.pid == each.leader]
    told = {each.pid: _own_url(facts.host, each, None) for each in running}
    if any(told.values()):
        yield from _running(facts, running, told)
    elif all(unresolved(each.url) for each in facts.project.databases):
        yield from _configured(facts)


def _written(facts: Facts, mine: tuple[AppProcess, ...]) -> Iterator[Place]:
    for url in facts.project.databases:
        backend = next((each for each in facts.project.backends if each.path == url.backend), None)
        flask = backend is not None and backend.kind == "flask"
        certain = not url.source.endswith(".py")
        readers = [each for each in mine if each.backend == url.backend and each.pid == each.leader]
        own = {each.pid: _own_url(facts.host, each, url) for each in readers}
        if readers and all(each is not None and foreign(each.url) for each in own.values()):
            continue  # a default that nothing here uses
        for reader in readers:
            told = own[reader.pid]
            yield from _place(
                facts,
                told or url,
                f"process {reader.pid}",
                reader.cwd,
                certain=certain or told is not None,
                pid=reader.pid,
                flask=flask,
            )
        bases = (
            [("the back end", url.backend or facts.project.root)]
            if not readers or relative(url.url)
            else []
        )
        if relative(url.url):
            bases += [
                ("alembic", each.config.parent)
                for each in facts.project.migrations
                if each.kind == "alembic" and owner(facts.project, each) in (url.backend, None)
            ]
        for name, base in bases:
            yield from _place(facts, url, name, str(base), certain=certain, pid=None, flask=flask)


def _running(
    facts: Facts, running: list[AppProcess], told: dict[int, DatabaseUrl | None]
) -> Iterator[Place]:
    """Yield the files that the environments of running back ends name."""
    flasks = {each.path for each in facts.project.backends if each.kind == "flask"}
    for each in running:
        url = told[each.pid]
        if url is not None:
            name, flask = f"process {each.pid}", each.backend in flasks
            yield from _place(facts, url, name, each.cwd, certain=True, pid=each.pid, flask=flask)


def _configured(facts: Facts) -> Iterator[Place]:
    """Yield the file that an alembic.ini names, if it is there: env.py may well take another."""
    for each in facts.project.migrations:
        parser = configparser.RawConfigParser()
        with suppress(configparser.Error, OSError):
            parser.read_string(facts.host.read(str(each.config)).decode("utf-8", "replace"))
        base = str(each.config.parent)
        text = parser.get("alembic", "sqlalchemy.url", fallback="").replace("%(here)s", base)
        url = DatabaseUrl(text, f"{each.config} sqlalchemy.url", owner(facts.project, each))
        for place in _place(facts, url, "alembic", base, certain=False, pid=None, flask=False):
            seen = facts.host.stat(place.path)
            if seen is not None and seen.size:
                yield place


def _place(
    facts: Facts,
    url: DatabaseUrl,
    reader: str,
    base: str,
    *,
    certain: bool,
    pid: int | None,
    flask: bool,
) -> Iterator[Place]:
    path = sqlite_file(url.url, Path(base))
    if path is None:
        return
    if flask and relative(url.url):  # Flask-SQLAlchemy starts from the instance folder
        instance = sqlite_file(url.url, (url.backend or facts.project.root) / "instance")
        if instance is not None and facts.host.stat(str(instance)) is not None:
            path = instance
    yield Place(
        path=facts.host.real(str(path)),
        url=url.url,
        source=url.source,
        reader=reader,
        base=base,
        relative=relative(url.url) and not flask,
        certain=certain,
        backend=url.backend,
        pid=pid,
    )


def _own_url(host: Host, process: AppProcess, url: DatabaseUrl | None) -> DatabaseUrl | None:
    """Return what the process's own environment says: it beats a dotenv file and a default, `url`."""
    with suppress(OSError):
        environ = environ_of(host, process.pid)
        key = url.source.rpartition(" ")[2] if url else ""
        named = sorted((each for each in environ if URL_KEY.fullmatch(each)), key=len)
        if key not in named:
            free = url is None or url.source.endswith(".py")
            key = named[0] if named and free else ""  # the shortest: others are more special
        if key:
            value, source = environ[key], f"/proc/{process.pid}/environ {key}"
            bare = f"{value.partition('://')[0]}://" if foreign(value) else without_password(value)
            return DatabaseUrl(bare, source, url.backend if url else process.backend)
    return None
