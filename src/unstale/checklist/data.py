"""The points about data: whether the database is there, its schema, and its newest verified backup."""

from __future__ import annotations

from collections.abc import Callable

from unstale.checklist.judged import DATABASE, SCHEMA, judged, known
from unstale.checklist.point import Failure, Seen, Topic
from unstale.errors import Absent, UnstaleError
from unstale.evidence import Evidence
from unstale.fact import Facts
from unstale.facts.migrations import MigrationHistories
from unstale.facts.servers import DatabaseServers
from unstale.facts.sqlite import Databases
from unstale.redact import mask
from unstale.report import Report
from unstale.stores.find import AnyStore, stores
from unstale.stores.kept import kept
from unstale.stores.postgres import PostgresStore

BACKUPS = Topic("backups", "Every database has a verified backup")
_STATUS = "unstale db status"
_CREATE = "run the migrations, or bring a backup back: unstale db restore"


def database(facts: Facts, report: Report) -> Seen:
    """Return whether each database is there; a PostgreSQL server is asked."""
    seen = judged(DATABASE, report)
    found = known(facts, Databases)
    there = [each for each in found.files if each.size] if found else []
    for each in there:
        words = (f"{each.path}: {each.size} bytes", f"ls -l {each.path}")
        seen.evidence.append(Evidence(*words, report.made_at))
    if found and found.files and not there and not seen.failures:
        path = found.files[0].path
        have = Evidence("nothing, or an empty file", f"ls -l {path}", report.made_at)
        because = "it is configured, and it is not there"
        seen.failures.append(Failure(f"database {path}", because, _CREATE, evidence=(have,)))

    def size(store: PostgresStore) -> None:
        words = (f"{store.label}: {store.size(facts.host)} bytes", _STATUS)
        seen.evidence.append(Evidence(*words, report.made_at))

    _each_server(facts, seen, size)
    return seen


def schema(facts: Facts, report: Report) -> Seen:
    """Return whether the schema is the migrations'; of PostgreSQL the revision alone is known."""
    seen = judged(SCHEMA, report)
    files = known(facts, Databases)
    if files and not (seen.evidence or seen.unknown or seen.failures):
        seen.unknown.append(_why_no_schema(facts, files))

    def revision(store: PostgresStore) -> None:
        applied = store.revisions(facts.host)
        have = Evidence(
            f"{store.label}: {' '.join(applied) or 'no revision'}", _STATUS, report.made_at
        )
        histories = known(facts, MigrationHistories)
        servers = facts.get(DatabaseServers).servers
        backends = {each.backend for each in servers if each.url == store.url}
        mine = [histories.of(each) for each in backends] if histories else []
        pending = mine[0].pending(applied) if len(mine) == 1 and mine[0] and applied else None
        if pending is None:
            seen.unknown.append(f"{store.label}: no migrations say which revision it has to have")
        elif pending:
            names = f"not applied: {', '.join(each.id for each in pending)}"
            words = (f"schema of {store.label}", names, "unstale db migrate")
            seen.failures.append(Failure(*words, evidence=(have,)))
        else:
            seen.evidence.append(have)

    _each_server(facts, seen, revision)
    return seen


def _why_no_schema(facts: Facts, files: Databases) -> str:
    if not any(each.size for each in files.files):
        return "the database is not there"
    if known(facts, MigrationHistories):
        return "the database names no revision, and no models were read"
    return "neither migrations nor models say what the schema has to be"


def backups(facts: Facts) -> Seen:
    """Return the newest backup of each database that is there, its bytes compared with those that were verified."""
    seen = Seen(BACKUPS, _STATUS, nothing="no database is there to back up")
    try:
        found = stores(facts)
    except Absent as error:
        seen.nothing = error.why
        found = ()
    except UnstaleError as error:
        seen.unknown.append(mask(f"{error.what}: {error.why}"))
        found = ()
    for store in found:
        try:
            if isinstance(store, PostgresStore) or store.size(facts.host):
                _backup(facts, store, seen)
        except (UnstaleError, OSError) as error:
            seen.unknown.append(mask(f"{store.label}: {error}"))
    return seen


def _backup(facts: Facts, store: AnyStore, seen: Seen) -> None:
    newest = next(iter(kept(facts.host, facts.project.state, store.label)), None)
    subject = f"database {store.label}"
    if newest is None:
        because = "no backup of it is kept"
        seen.failures.append(Failure(subject, because, "unstale db backup"))
        return
    note, times = newest.note, "%Y-%m-%d %H:%M:%S UTC"
    when = f"taken {note.taken_at:{times}}, verified {note.verified_at:{times}}"
    value = f"{store.label}: {sum(note.rows.values())} rows, {when}, its bytes unchanged since"
    if facts.host.hash(newest.path) == note.sum:
        seen.evidence.append(Evidence(value, f"sha256sum {newest.path}", facts.host.now()))
    else:
        because = f"its newest backup {newest.path} is not what was verified: its bytes changed"
        seen.failures.append(Failure(subject, because, "unstale db backup"))


def _each_server(facts: Facts, seen: Seen, look: Callable[[PostgresStore], None]) -> None:
    try:
        found = stores(facts)
    except UnstaleError:
        return  # no database at all, or what the report says already
    for store in found:
        if isinstance(store, PostgresStore):
            try:
                look(store)
            except (UnstaleError, OSError) as error:
                seen.unknown.append(mask(f"{store.label}: {error}"))
