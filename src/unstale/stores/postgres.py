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
from unstale.store import Columns, Digest, Schema, Store
from unstale.stores import postgres_look as look
from unstale.stores import postgres_twin as twin
from unstale.stores.libpq import variables
from unstale.stores.note import Note, note_digest, write_note
from unstale.stores.postgres_client import acted, asked, told
from unstale.stores.postgres_dump import dump, rows_in
from unstale.stores.postgres_schema import TABLES, guarded
from unstale.stores.url_sources import UrlSource, url_of

if TYPE_CHECKING:
    from unstale.host import Host

KEPT = "replaced.json"  # the name of the database that a restore keeps on the server


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
        return look.size(host, self.environment(host))

    def version(self, host: Host) -> int:
        """Return the server's major version."""
        return look.version(host, self.environment(host))

    def revisions(self, host: Host) -> tuple[str, ...]:
        return look.revisions(host, self.environment(host))

    def schema(self, host: Host) -> Schema:
        return look.schema(host, self.environment(host))

    def definitions(self, host: Host) -> Schema:
        return look.definitions(host, self.environment(host))

    def digest(self, host: Host, columns: Columns | None = None) -> Digest:
        return look.digest(host, self.environment(host), columns)

    def users(self, host: Host) -> tuple[str, ...]:
        """Return who else is connected: "server process 4711 (uvicorn, user app, from 10.0.0.2)"."""
        return look.users(host, self.environment(host))

    def rows(self, host: Host) -> dict[str, int]:
        return look.rows(host, self.environment(host))

    def execute(self, host: Host, statements: tuple[str, ...], unchanged: Columns) -> None:
        env = self.environment(host)
        tables = [each for each in asked(host, env, TABLES) if each["name"] in unchanged]
        kept = [(each, unchanged[each["name"]]) for each in tables]
        told(host, env, *guarded(kept, statements))

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
        twin.create_alike(host, env, self.name, made)
        new = replace(self, database=made)
        try:
            acted(host, new.environment(host), "pg_restore", "--exit-on-error", "-d", made, source)
            have = new.rows(host)
            if want != have:
                raise Failed(
                    what=f"the restored {self.label} is not equal to its backup",
                    why=f"rows by table {want} became {have}",
                    next="Nothing was changed.",
                )
            acted(host, new.environment(host), "psql", "-X", "-q", "-c", "ANALYZE")
            self._exchange(host, keep, new)
        finally:
            twin.drop(host, env, made)

    def replaced(self, host: Host, kept: str) -> bool:
        former = self._former(host, kept)
        return former is not None and twin.exists(host, self.environment(host), former)

    def kept_as(self, host: Host, kept: str) -> str:
        return f"the database {self._former(host, kept)}"

    def put_back(self, host: Host, kept: str, keep: str) -> None:
        """Exchange the names again; what the restore brought stays under another name."""
        former = self._former(host, kept)
        if former is not None and self.replaced(host, kept):
            self._exchange(host, keep, replace(self, database=former))
        else:
            twin.drop(host, self.environment(host), self.names(kept)[0])  # of a run that was killed

    def _former(self, host: Host, kept: str) -> str | None:
        """Return the name under which the replaced database is kept, noted before the exchange."""
        if host.stat(f"{kept}/{KEPT}") is None:
            return None
        return str(json.loads(host.read(f"{kept}/{KEPT}"))["database"])

    def _exchange(self, host: Host, keep: str, other: PostgresStore) -> None:
        env, kept = self.environment(host), self.names(keep)[1]
        if used := self.users(host):  # the server would wait 5 s and then refuse
            raise Failed(
                what=f"{self.label} was not replaced",
                why=f"{used[0]} came to use it",
                next="End that session first. Nothing was changed.",
            )
        note_digest(host, keep, other.digest(host))
        host.write(f"{keep}/{KEPT}", json.dumps({"database": kept}).encode())
        twin.exchange(host, env, self.name, kept, other.name)

    def names(self, keep: str) -> tuple[str, str]:
        """Return the names of the database being made and of the one that is kept, the same for the same `keep`."""
        mark = hashlib.sha256(keep.encode()).hexdigest()[:8]
        stem = self.name.encode()[:44].decode(errors="ignore")  # NAMEDATALEN leaves 63 bytes
        return f"{stem}_new_{mark}", f"{stem}_replaced_{mark}"

    def scratch(
        self, host: Host, place: str, *, blank: bool = False
    ) -> AbstractContextManager[PostgresStore]:
        return self._scratch(host, place, blank=blank)

    @contextmanager
    def _scratch(self, host: Host, place: str, *, blank: bool) -> Iterator[PostgresStore]:
        host.makedirs(place)
        env, made = self.environment(host), f"unstale_{uuid.uuid4().hex[:16]}"
        mark, target = f"{place}/{made}{twin.SCRATCH}", f"{place}/{made}.dump"
        host.write(mark, self.label.encode())
        try:
            twin.create_alike(host, env, self.name, made)
            if not blank:
                twin.copy(host, env, made, target)
            yield replace(self, database=made)
        finally:
            host.discard(target)
            twin.drop(host, env, made)
            host.discard(mark)

    def redirect(self, to: Store) -> dict[str, object]:
        return {"kind": self.kind, "live": self.name, "to": to.label.rpartition("/")[2]}
