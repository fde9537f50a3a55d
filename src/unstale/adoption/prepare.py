"""Prepares an adoption without touching the live database: baseline, comparison, and the mending tried on a copy."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unstale.adoption import mend_postgres, mend_sqlite
from unstale.adoption.compare import Difference, columns_of, differences
from unstale.adoption.env_file import environment
from unstale.adoption.files import mending, new_files
from unstale.adoption.mend import Mend
from unstale.adoption.models import Baseline, baseline
from unstale.adoption.place import (
    backend_of,
    history_of,
    only_asynchronous,
    refused,
    url_of,
)
from unstale.errors import Absent, Failed
from unstale.facts.migrations import MigrationHistories
from unstale.store import Digest, Schema
from unstale.stores.find import AnyStore
from unstale.stores.postgres import PostgresStore
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.project import Backend

_PATIENCE = 2.5  # seconds; half of what the drivers of SQLite wait by default


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a copy showed: every difference, what mends the real ones, the digest of the mended copy.

    `seconds` is how long its writers would have had to wait.
    """

    differences: tuple[Difference, ...]
    mends: tuple[Mend, ...]
    expected: Digest
    seconds: float

    @property
    def statements(self) -> tuple[str, ...]:
        """Return what is run."""
        return tuple(one for each in self.mends for one in each.statements)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What would be done: the rehearsal, the files to write, and the revision to stamp.

    `unchanged` are the columns of each table whose rows must stay what they are.
    """

    backend: Backend
    rehearsal: Rehearsal
    files: tuple[tuple[str, str], ...]
    revision: str
    unchanged: tuple[tuple[str, tuple[str, ...]], ...]


def prepare(facts: Facts, store: AnyStore) -> Adoption:
    """Compare and rehearse; scratch copies are gone afterwards. Raises Refused before anything is touched."""
    backend = backend_of(facts, store)
    _require_none(facts, store)
    first, second = secrets.token_hex(6), secrets.token_hex(6)
    made = baseline(facts, backend, store.kind, first, server=_version(facts, store))
    place = str(facts.project.state / "scratch" / secrets.token_hex(4))
    try:
        found = rehearsed(facts, store, made, place)
    finally:
        facts.host.discard(place)
    _require_short(facts, store, found.seconds)
    revisions = [(f"{first}_baseline.py", made.code)]
    if found.mends:
        revisions.append((f"{second}_mend.py", mending(second, first, found.mends)))
    ini, versions = history_of(facts, backend)
    env = environment(
        url_of(facts, store, backend),
        made.models,
        made.modules,
        asynchronous=only_asynchronous(store),
        schemas=made.schemas,
    )
    files = tuple(new_files(ini, versions, env, tuple(revisions)))
    for path, _ in files:
        if facts.host.stat(path, follow=False) is not None:
            raise refused(f"{path} is already there", f"Look at it: cat {path}")
    kept = tuple(columns_of(store.schema(facts.host)).items())
    return Adoption(backend, found, files, second if found.mends else first, kept)


def _version(facts: Facts, store: AnyStore) -> int:
    return store.version(facts.host) if isinstance(store, PostgresStore) else 0


def rehearsed(facts: Facts, store: AnyStore, made: Baseline, place: str) -> Rehearsal:
    """Compare with a database of the baseline, and mend a copy where there is real drift. Raises Refused."""
    host = facts.host
    with store.scratch(host, place, blank=True) as new:
        try:
            new.execute(host, made.sql, {})
        except Failed as error:
            raise refused(f"the baseline does not run: {error.why}", "Mend the models.") from None
        want, have = new.definitions(host), store.definitions(host)
        found = differences(want, have, store.kind)
        real = tuple(each for each in found if not each.harmless)
        mends = _mends(facts, (store, new), want, have, real) if real else ()
    if mends:
        return _mended(facts, store, place, Rehearsal(found, mends, {}, 0.0), (want, have))
    began = host.now()
    store.digest(host, columns_of(have))  # stamping takes two such looks
    return Rehearsal(found, (), {}, 2 * (host.now() - began).total_seconds())


def _mended(
    facts: Facts, store: AnyStore, place: str, found: Rehearsal, sides: tuple[Schema, Schema]
) -> Rehearsal:
    host, (want, have) = facts.host, sides
    real = tuple(each for each in found.differences if not each.harmless)
    with store.scratch(host, place) as copy:
        began = host.now()
        try:
            copy.execute(host, found.statements, columns_of(have))
        except Failed as error:
            words = "; ".join(each.words() for each in real)
            raise refused(f"{error.why}. To be mended: {words}", "Mend the rows first.") from None
        seconds = (host.now() - began).total_seconds()
        left = differences(want, copy.definitions(host), store.kind)
        if words := "; ".join(each.words() for each in left if not each.harmless):
            raise refused(f"no revision of ours mends this: {words}", "Mend it by hand first.")
        return replace(found, expected=copy.digest(host), seconds=seconds)


def _require_short(facts: Facts, store: AnyStore, seconds: float) -> None:
    """Refuse where the app would wait too long for its own writes."""
    if seconds > _PATIENCE and (used := store.users(facts.host)):
        why = f"writers would have to wait {seconds:.1f} s, and {used[0]} uses it"
        raise refused(why, "Stop it first.")


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


def _require_none(facts: Facts, store: AnyStore) -> None:
    """Refuse where there is something already: an empty database, versions, or scripts."""
    tables = [each for each in store.schema(facts.host) if each.kind == "table"]
    if not [each for each in tables if each.name != "alembic_version"]:
        raise refused(f"{store.label} has no table", "alembic upgrade head makes them.")
    if revisions := store.revisions(facts.host):
        why = f"{store.label} is under Alembic already, at {' '.join(revisions)}"
        raise refused(why, "unstale db migrate")
    try:
        histories = facts.get(MigrationHistories).histories
    except Absent:
        return
    raise refused(f"{histories[0].config} has scripts already", "alembic stamp, once you compared")
