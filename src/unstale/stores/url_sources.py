"""Where a database URL with its password is written; it is read there whenever it is needed, and kept nowhere."""

from __future__ import annotations

import configparser
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unstale.facts.env_files import declarations
from unstale.facts.environ import environ_of
from unstale.redact import without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class UrlSource:
    """The variable or key of the URL, the process whose environment has it, and the files that may."""

    key: str
    pid: int | None = None
    files: tuple[str, ...] = ()


def url_of(host: Host, source: UrlSource, url: str) -> tuple[str, dict[str, str]]:
    """Return the URL in full, and libpq variables that stand beside it; as it is where no place has its password."""
    for full, beside in _places(host, source):
        if without_password(full) == url:
            return full, beside
    return url.replace("***", ""), {}


def _places(host: Host, source: UrlSource) -> Iterator[tuple[str, dict[str, str]]]:
    if source.pid is not None:
        with suppress(OSError):  # it ended; a file may still know
            yield from _from(environ_of(host, source.pid), source.key)
    for path in source.files:
        with suppress(OSError, ValueError):
            yield from _from_file(path, host.read(path).decode("utf-8", "replace"), source.key)
    own = host.environ(source.key)
    if own is not None:
        yield own, {}


def _from(said: dict[str, str], key: str) -> Iterator[tuple[str, dict[str, str]]]:
    if key in said:
        yield said[key], {name: value for name, value in said.items() if name.startswith("PG")}


def _from_file(path: str, text: str, key: str) -> Iterator[tuple[str, dict[str, str]]]:
    if path.endswith(".toml"):
        table = tomllib.loads(text)
        table = table if path.endswith("unstale.toml") else table.get("tool", {}).get("unstale", {})
        yield str(table.get("database", {}).get("url", "")), {}
    elif path.endswith(".ini"):
        parser = configparser.RawConfigParser()
        with suppress(configparser.Error):
            parser.read_string(text)
        yield parser.get("alembic", "sqlalchemy.url", fallback="").replace("%%", "%"), {}
    else:
        yield from _from({name: value or "" for name, value in declarations(text).items()}, key)
