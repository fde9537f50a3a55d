"""Where a database URL leads: one file for each process, tool and directory that reads it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.detect.database import URL_KEY
from unstale.facts.database_urls import foreign, relative, sqlite_file
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


def _own_url(host: Host, process: AppProcess, url: DatabaseUrl) -> DatabaseUrl | None:
    """Return what the process's own environment says: it beats a dotenv file and a default."""
    with suppress(OSError):
        environ = environ_of(host, process.pid)
        key = url.source.rpartition(" ")[2]
        named = sorted((each for each in environ if URL_KEY.fullmatch(each)), key=len)
        if key not in named:
            key = (
                named[0] if named and url.source.endswith(".py") else ""
            )  # the shortest: others are more special
        if key:
            value, source = environ[key], f"/proc/{process.pid}/environ {key}"
            bare = f"{value.partition('://')[0]}://" if foreign(value) else without_password(value)
            return DatabaseUrl(bare, source, url.backend)
    return None
