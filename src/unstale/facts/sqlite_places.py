"""Where a database URL leads: one file for each process, tool and directory that reads it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.facts.database_urls import URL_KEY, foreign, relative, sqlite_file
from unstale.project import DatabaseUrl
from unstale.redact import without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unstale.fact import Facts
    from unstale.facts.app_processes import AppProcess
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class Place:
    """The file that one reader of a URL arrives at. `reader` is "process 4711", "alembic" or "the
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
        for reader in readers:
            own = _own_url(facts.host, reader, url)
            yield from _place(
                facts,
                own or url,
                f"process {reader.pid}",
                reader.cwd,
                certain=certain or own is not None,
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
                if each.kind == "alembic"
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
        path=str(path),
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
        pairs = host.read(f"/proc/{process.pid}/environ").decode("utf-8", "replace").split("\0")
        own = {
            key: value
            for key, _, value in (pair.partition("=") for pair in pairs)
            if URL_KEY.fullmatch(key)
        }
        key = url.source.rpartition(" ")[2]
        chosen = (
            key
            if key in own
            else next(iter(sorted(own)), None)
            if url.source.endswith(".py")
            else None
        )
        if chosen is not None:
            value = (
                own[chosen] if not foreign(own[chosen]) else own[chosen].partition("://")[0] + "://"
            )
            return DatabaseUrl(
                without_password(value), f"/proc/{process.pid}/environ {chosen}", url.backend
            )
    return None
