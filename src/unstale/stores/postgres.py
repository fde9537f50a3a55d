"""A PostgreSQL database as a store, through its standard clients."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from unstale.errors import Failed
from unstale.store import Columns, Digest, Piece, Schema, Store
from unstale.stores.libpq import variables
from unstale.stores.note import Note, note_digest, write_note
from unstale.stores.postgres_client import acted, asked, identifier, literal
from unstale.stores.postgres_dump import dump, rows_in
from unstale.stores.postgres_schema import SCHEMA, TABLES, rows_of
from unstale.stores.postgres_twin import create_alike, drop, exchange, exists
from unstale.stores.url_sources import UrlSource, url_of

if TYPE_CHECKING:
    from unstale.host import Host

_REVISIONS = "SELECT version_num FROM {}.alembic_version"
_LOOK = 5.0  # seconds
_KEPT = "replaced.json"


@dataclass(frozen=True, slots=True)
class PostgresStore(Store):
    """The database of a URL. `url` has no password: that is read from `source` whenever it is needed.

    `database` names another database of the same server, where it is not the URL's.
    """

    kind: ClassVar[str] = "postgresql"

    url: str
    source: UrlSource
    database: str = ""

    @property
    def label(self) -> str:
        said = variables(self.url) or {}
        port = f":{said['PGPORT']}" if "PGPORT" in said else ""
        return f"{said.get('PGHOST', 'local')}{port}/{self.name}"

    @property
    def name(self) -> str:
        """Return the database's own name; without one in the URL it is the user's (libpq's rule)."""
        said = variables(self.url) or {}
        return self.database or said.get("PGDATABASE") or said.get("PGUSER", "")

    def environment(self, host: Host) -> dict[str, str]:
        full, more = url_of(host, self.source, self.url)
        said = {**more, **(variables(full) or {})}
        return {**said, "PGDATABASE": self.name}

    def size(self, host: Host) -> int | None:
        sql = "SELECT pg_database_size(current_database()) AS size"
        return int(asked(host, self.environment(host), sql, timeout=_LOOK)[0]["size"])

    def revisions(self, host: Host) -> tuple[str, ...]:
        env = self.environment(host)
        tables = asked(host, env, f"{TABLES}", timeout=_LOOK)
        schemas = [each["schema"] for each in tables if each["bare"] == "alembic_version"]
        found = [
            row["version_num"]
            for schema in schemas
            for row in asked(host, env, _REVISIONS.format(identifier(schema)), timeout=_LOOK)
        ]
        return tuple(sorted(found))

    def schema(self, host: Host) -> Schema:
        rows = asked(host, self.environment(host), SCHEMA)
        return tuple(
            sorted(
                Piece(each["table"], each["kind"], each["name"], each["definition"] or "")
                for each in rows
            )
        )

    def digest(self, host: Host, columns: Columns | None = None) -> Digest:
        env = self.environment(host)
        tables = [
            each for each in asked(host, env, TABLES) if columns is None or each["name"] in columns
        ]
        queries = [
            rows_of(
                each["name"],
                each["schema"],
                each["bare"],
                None if columns is None else columns[each["name"]],
            )
            for each in tables
        ]
        rows = asked(host, env, " UNION ALL ".join(queries)) if queries else []
        pieces = self.schema(host) if columns is None else ()
        return {
            each["name"]: (int(each["rows"]), _sum(each["sum"], each["name"], pieces))
            for each in rows
        }

    def backup(self, host: Host, target: str) -> None:
        env, taken_at = self.environment(host), host.now()
        revisions = self.revisions(host)
        tables = {each["name"] for each in asked(host, env, TABLES)}
        dump(host, env, target)
        rows = rows_in(host, env, target)
        if lacking := tables - set(rows):
            raise Failed(
                what=f"the dump of {self.label} is not whole",
                why=f"it lacks {', '.join(sorted(lacking))}",
                next="Give this user the right to read them, or name another in the URL.",
            )
        seen = host.stat(target)
        note = Note(
            kind=self.kind, label=self.label, taken_at=taken_at, verified_at=host.now(), revisions=revisions,
            rows=rows, size=seen.size if seen else 0, sum=host.hash(target),
        )  # fmt: skip  # a record
        write_note(host, target, note)

    def verify(self, host: Host, source: str) -> dict[str, int]:
        """Read a dump to its end."""
        return rows_in(host, self.environment(host), source)

    def restore(self, host: Host, source: str, keep: str) -> None:
        """Restore into a new database, then exchange the names in one transaction."""
        env = self.environment(host)
        want = self.verify(host, source)
        made, _ = self.names(keep)
        create_alike(host, env, self.name, made)
        new = replace(self, database=made)
        try:
            acted(host, new.environment(host), "pg_restore", "--exit-on-error", "-d", made, source)
            have = {name: rows for name, (rows, _) in new.digest(host).items()}
            if want != have:
                raise Failed(
                    what=f"the restored {self.label} is not equal to its backup",
                    why=f"rows by table {want} became {have}",
                    next="Nothing was changed.",
                )
            acted(host, new.environment(host), "psql", "-X", "-q", "-c", "ANALYZE")
            self._exchange(host, keep, new)
        finally:
            drop(host, env, made)

    def replaced(self, host: Host, kept: str) -> bool:
        former = self._former(host, kept)
        return former is not None and exists(host, self.environment(host), former)

    def put_back(self, host: Host, kept: str, keep: str) -> None:
        """Exchange the names again; what the restore brought stays under another name."""
        former = self._former(host, kept)
        if former is not None and self.replaced(host, kept):
            self._exchange(host, keep, replace(self, database=former))

    def _former(self, host: Host, kept: str) -> str | None:
        """Return the name under which the replaced database is kept, noted before the exchange."""
        if host.stat(f"{kept}/{_KEPT}") is None:
            return None
        return str(json.loads(host.read(f"{kept}/{_KEPT}"))["database"])

    def _exchange(self, host: Host, keep: str, other: PostgresStore) -> None:
        env, kept = self.environment(host), self.names(keep)[1]
        note_digest(host, keep, other.digest(host))
        host.write(f"{keep}/{_KEPT}", json.dumps({"database": kept}).encode())
        exchange(host, env, self.name, kept, other.name)

    def names(self, keep: str) -> tuple[str, str]:
        """Return the names of the database being made and of the one that is kept, the same for the same `keep`."""
        mark = hashlib.sha256(keep.encode()).hexdigest()[:8]
        stem = self.name.encode()[:44].decode(errors="ignore")  # NAMEDATALEN leaves 63 bytes
        return f"{stem}_new_{mark}", f"{stem}_replaced_{mark}"

    def scratch(self, host: Host, place: str) -> AbstractContextManager[Store]:
        return self._scratch(host, place)

    @contextmanager
    def _scratch(self, host: Host, place: str) -> Iterator[Store]:
        host.makedirs(place)
        env, made = self.environment(host), f"unstale_{uuid.uuid4().hex[:16]}"
        target = f"{place}/{made}.dump"
        try:
            dump(host, env, target)
            create_alike(host, env, self.name, made)
            copy = replace(self, database=made)
            words = ("--exit-on-error", "--no-owner", "--no-privileges", "-d", made, target)
            acted(host, copy.environment(host), "pg_restore", *words)
            yield copy
        finally:
            host.discard(target)
            drop(host, env, made)

    def redirect(self, to: Store) -> dict[str, object]:
        return {"kind": self.kind, "live": self.name, "to": to.label.rpartition("/")[2]}

    def users(self, host: Host) -> tuple[str, ...]:
        """Return who else is connected: "server process 4711 (uvicorn, user app, from 10.0.0.2)"."""
        sql = (
            "SELECT pid, usename, application_name, client_addr FROM pg_stat_activity "
            f"WHERE datname = {literal(self.name)} AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return tuple(
            f"server process {each['pid']} ({each['application_name'] or 'unnamed'}, user {each['usename']}, "
            f"from {each['client_addr'] or 'this machine'})"
            for each in asked(host, self.environment(host), sql, timeout=_LOOK)
        )


def _sum(rows: str, table: str, pieces: Schema) -> str:
    """Return one digest of a table's rows and, where asked for, of its definition."""
    own = [piece for piece in pieces if piece.table == table]
    return hashlib.sha256(json.dumps([rows, own]).encode()).hexdigest()[:32]
