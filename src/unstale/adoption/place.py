"""Where an adoption belongs: the back end that uses the database, the directory of its migrations, and its URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.detect.database import URL_KEY
from unstale.errors import Refused
from unstale.facts.env_files import declarations
from unstale.facts.servers import DatabaseServers
from unstale.facts.sqlite import Databases
from unstale.stores.find import AnyStore
from unstale.stores.postgres import PostgresStore
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.project import Backend


def backend_of(facts: Facts, store: AnyStore) -> Backend:
    """Return the one back end that uses the database. Raises Refused."""
    if isinstance(store, SqliteStore):
        files = facts.get(Databases).files
        paths = {
            place.backend for each in files if each.path == store.path for place in each.places
        }
    else:
        servers = facts.get(DatabaseServers).servers
        paths = {each.backend for each in servers if each.url == store.url}
    found = [each for each in facts.project.backends if each.path in paths]
    if len(found) == 1 and found[0].kind != "django":
        return found[0]
    why = (
        "Django has migrations of its own"
        if found and len(found) == 1
        else "no single back end uses it"
    )
    raise refused(why, "unstale db status")


def history_of(facts: Facts, backend: Backend) -> tuple[Path, Path | None]:
    """Return the directory of alembic.ini, and the one for scripts where a configuration is there already."""
    for each in facts.project.migrations:
        if each.kind == "alembic" and each.versions and each.config.is_relative_to(backend.path):
            return each.config.parent, each.versions[0]
    return backend.path, None


def only_asynchronous(store: AnyStore) -> bool:
    """Return whether the URL's driver needs an event loop; psycopg and aiosqlite have a synchronous twin."""
    return isinstance(store, PostgresStore) and "+asyncpg" in store.url.partition("://")[0]


def url_of(facts: Facts, store: AnyStore, backend: Backend) -> str:
    """Return the expression for env.py that finds the URL as the app does; no password is in it."""
    if isinstance(store, PostgresStore):
        key = store.source.key if URL_KEY.fullmatch(store.source.key) else "DATABASE_URL"
        fallback = f'sys.exit("{key} is not set: it holds the URL of the database")'
    else:
        key = _key(facts, store)
        path = os.path.relpath(store.path, backend.path / "alembic")
        fallback = f'f"sqlite:///{{os.path.dirname(os.path.abspath(__file__))}}/{path}"'
    spelled = dict.fromkeys((key, key.upper())) if key else ()
    parts = [f'os.environ.get("{each}")' for each in spelled]
    for each in [path for path in backend.env_files if key and _sets(facts, path, key)][:1]:
        env = os.path.relpath(each, backend.path / "alembic")
        parts.append(
            f'dotenv_values(os.path.join(os.path.dirname(__file__), "{env}")).get("{key}")'
        )
    return " or ".join([*parts, fallback])


def _key(facts: Facts, store: SqliteStore) -> str:
    """Return the variable that names a file; nothing where source or settings do."""
    files = [each for each in facts.get(Databases).files if each.path == store.path]
    named = [place.source.rpartition(" ")[2] for each in files for place in each.places]
    return next((each for each in named if URL_KEY.fullmatch(each)), "")


def _sets(facts: Facts, path: Path, key: str) -> bool:
    text = facts.host.read(str(path)).decode("utf-8", "replace")
    return key in declarations(text)


def refused(why: str, following: str) -> Refused:
    """Return the refusal; nothing was touched."""
    return Refused(what="the database is not adopted", why=why, next=following)
