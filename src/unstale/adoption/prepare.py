"""Prepares an adoption without touching the live database: baseline, comparison, and the mending tried on a copy."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.adoption import mend_postgres, mend_sqlite
from unstale.adoption.compare import Difference, columns_of, differences
from unstale.adoption.files import environment, mending, new_files
from unstale.adoption.mend import Mend
from unstale.adoption.models import Baseline, baseline
from unstale.errors import Absent, Failed, Refused
from unstale.facts.migrations import MigrationHistories
from unstale.facts.servers import DatabaseServers
from unstale.facts.sqlite import Databases
from unstale.store import Digest, Schema
from unstale.stores.find import AnyStore
from unstale.stores.postgres import PostgresStore
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.project import Backend


@dataclass(frozen=True, slots=True)
class Adoption:
    """What would be done: the differences, the files to write, the statements, and the revision to stamp.

    `unchanged` are the columns of each table whose rows must stay what they are; `expected` is the digest that the copy
    had once it was mended.
    """

    backend: Backend
    differences: tuple[Difference, ...]
    files: tuple[tuple[str, str], ...]
    statements: tuple[str, ...]
    revision: str
    unchanged: tuple[tuple[str, tuple[str, ...]], ...]
    expected: Digest

    @property
    def real(self) -> tuple[Difference, ...]:
        """Return the differences that are mended."""
        return tuple(each for each in self.differences if not each.harmless)


def prepare(facts: Facts, store: AnyStore) -> Adoption:
    """Compare and rehearse; scratch copies are gone afterwards. Raises Refused before anything is touched."""
    backend = _backend(facts, store)
    _require_none(facts, store)
    first, second = secrets.token_hex(6), secrets.token_hex(6)
    made = baseline(facts, backend, store.kind, first)
    place = str(facts.project.state / "scratch" / secrets.token_hex(4))
    try:
        found, mends, expected = rehearsed(facts, store, made, place)
    finally:
        facts.host.discard(place)
    revisions = [(f"{first}_baseline.py", made.code)]
    if mends:
        revisions.append((f"{second}_mend.py", mending(second, first, mends)))
    ini, versions = _history(facts, backend)
    env = environment(_url(facts, store, backend), made.models, made.modules)
    files = tuple(new_files(ini, versions, env, tuple(revisions)))
    for path, _ in files:
        if facts.host.stat(path, follow=False) is not None:
            raise _refused(f"{path} is already there", f"Look at it: cat {path}")
    statements = tuple(one for each in mends for one in each.statements)
    kept = tuple(columns_of(store.schema(facts.host)).items())
    return Adoption(backend, found, files, statements, second if mends else first, kept, expected)


def rehearsed(
    facts: Facts, store: AnyStore, made: Baseline, place: str
) -> tuple[tuple[Difference, ...], tuple[Mend, ...], Digest]:
    """Return every difference, what mends the real ones, proven on a copy, and the digest of the mended copy."""
    host = facts.host
    with store.scratch(host, place, blank=True) as new:
        try:
            new.execute(host, made.sql, {})
        except Failed as error:
            raise _refused(f"the baseline does not run: {error.why}", "Mend the models.") from None
        want, have = new.definitions(host), store.definitions(host)
        found = differences(want, have, store.kind)
        real = tuple(each for each in found if not each.harmless)
        mends = _mends(facts, (store, new), want, have, real) if real else ()
        if not mends:
            return found, (), {}
    with store.scratch(host, place) as copy:
        statements = tuple(one for each in mends for one in each.statements)
        try:
            copy.execute(host, statements, columns_of(have))
        except Failed as error:
            words = "; ".join(each.words() for each in real)
            raise _refused(f"{error.why}. To be mended: {words}", "Mend the rows first.") from None
        left = [
            each
            for each in differences(want, copy.definitions(host), store.kind)
            if not each.harmless
        ]
        if left:
            words = "; ".join(each.words() for each in left)
            raise _refused(f"no revision of ours mends this: {words}", "Mend it by hand first.")
        return found, mends, copy.digest(host)


def _mends(
    facts: Facts,
    stores: tuple[AnyStore, AnyStore],
    want: Schema,
    have: Schema,
    real: tuple[Difference, ...],
) -> tuple[Mend, ...]:
    live, new = stores
    if isinstance(live, SqliteStore) and isinstance(new, SqliteStore):
        texts = new.texts(facts.host), live.texts(facts.host)
        return mend_sqlite.mend(real, mend_sqlite.Both(want, have, *texts))
    return mend_postgres.mend(real, want, have)


def _backend(facts: Facts, store: AnyStore) -> Backend:
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
    raise _refused(why, "unstale db status")


def _require_none(facts: Facts, store: AnyStore) -> None:
    """Refuse where there is something already: an empty database, versions, or scripts."""
    tables = [each for each in store.schema(facts.host) if each.kind == "table"]
    if not [each for each in tables if each.name != "alembic_version"]:
        raise _refused(f"{store.label} has no table", "alembic upgrade head makes them.")
    if revisions := store.revisions(facts.host):
        why = f"{store.label} is under Alembic already, at {' '.join(revisions)}"
        raise _refused(why, "unstale db migrate")
    try:
        histories = facts.get(MigrationHistories).histories
    except Absent:
        return
    raise _refused(f"{histories[0].config} has scripts already", "alembic stamp, once you compared")


def _history(facts: Facts, backend: Backend) -> tuple[Path, Path | None]:
    """Return the directory of alembic.ini, and the one for scripts where a configuration is there already."""
    for each in facts.project.migrations:
        if each.kind == "alembic" and each.versions and each.config.is_relative_to(backend.path):
            return each.config.parent, each.versions[0]
    return backend.path, None


def _url(facts: Facts, store: AnyStore, backend: Backend) -> str:
    """Return the expression for env.py that finds the URL as the app does; no password is in it."""
    if isinstance(store, PostgresStore):
        if "+asyncpg" in store.url or "+psycopg_async" in store.url:
            why = "its URL names an asynchronous driver, which needs another env.py"
            raise _refused(why, "alembic init -t async alembic, then adopt again")
        key = store.source.key if store.source.key.isidentifier() else "DATABASE_URL"
        fallback = ""
    else:
        places = [
            place
            for each in facts.get(Databases).files
            if each.path == store.path
            for place in each.places
        ]
        named = [
            place.source.rpartition(" ")[2] for place in places if not place.source.endswith(".py")
        ]
        key = next((each for each in named if each.isidentifier()), "")
        path = os.path.relpath(store.path, backend.path / "alembic")
        fallback = f'f"sqlite:///{{os.path.dirname(os.path.abspath(__file__))}}/{path}"'
    parts = [f'os.environ.get("{key}")'] if key else []
    if key and backend.env_files:
        env = os.path.relpath(backend.env_files[0], backend.path / "alembic")
        parts.append(
            f'dotenv_values(os.path.join(os.path.dirname(__file__), "{env}")).get("{key}")'
        )
    return " or ".join([*parts, *([fallback] if fallback else [])])


def _refused(why: str, following: str) -> Refused:
    return Refused(what="the database is not adopted", why=why, next=following)
