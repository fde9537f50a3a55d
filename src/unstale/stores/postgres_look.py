"""What a PostgreSQL database holds, asked by read-only transactions. `env` are libpq's variables."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from unstale.store import Columns, Digest, Piece, Schema
from unstale.stores.postgres_client import asked, identifier, literal
from unstale.stores.postgres_schema import SCHEMA, TABLES, rows_of
from unstale.stores.postgres_sql import normal

if TYPE_CHECKING:
    from unstale.host import Host

_LOOK = 8.0  # seconds; libpq gives a connection up after five
_REVISIONS = "SELECT version_num FROM {}.alembic_version"


def size(host: Host, env: dict[str, str]) -> int:
    """Return its bytes."""
    sql = "SELECT pg_database_size(current_database()) AS size"
    return int(asked(host, env, sql, timeout=_LOOK)[0]["size"])


def version(host: Host, env: dict[str, str]) -> int:
    """Return the server's major version."""
    sql = "SELECT current_setting('server_version_num')::int / 10000 AS major"
    return int(asked(host, env, sql, timeout=_LOOK)[0]["major"])


def revisions(host: Host, env: dict[str, str]) -> tuple[str, ...]:
    """Return alembic's rows, in whichever schema its table is."""
    tables = asked(host, env, TABLES, timeout=_LOOK)
    schemas = [each["schema"] for each in tables if each["bare"] == "alembic_version"]
    found = [
        row["version_num"]
        for schema in schemas
        for row in asked(host, env, _REVISIONS.format(identifier(schema)), timeout=_LOOK)
    ]
    return tuple(sorted(found))


def schema(host: Host, env: dict[str, str]) -> Schema:
    """Return the schema in pieces, alike before a dump and after its restore."""
    return tuple(sorted(map(normal, definitions(host, env))))


def definitions(host: Host, env: dict[str, str]) -> Schema:
    """Return the schema in pieces, each in the server's words, which are SQL."""
    rows = asked(host, env, SCHEMA)
    return tuple(
        sorted(
            Piece(each["table"], each["kind"], each["name"], each["definition"] or "")
            for each in rows
        )
    )


def rows(host: Host, env: dict[str, str]) -> dict[str, int]:
    """Return the rows of each table."""
    queries = [
        f"SELECT {literal(each['name'])} AS name, count(*) AS rows "
        f"FROM {identifier(each['schema'])}.{identifier(each['bare'])}"
        for each in asked(host, env, TABLES)
    ]
    found = asked(host, env, " UNION ALL ".join(queries)) if queries else []
    return {each["name"]: int(each["rows"]) for each in found}


def digest(host: Host, env: dict[str, str], columns: Columns | None) -> Digest:
    """Return rows and digest by table, from one snapshot."""
    tables = asked(host, env, TABLES)
    queries = [
        rows_of(
            each["name"],
            each["schema"],
            each["bare"],
            None if columns is None else columns[each["name"]],
        )
        for each in tables
        if columns is None or each["name"] in columns
    ]
    found = asked(host, env, " UNION ALL ".join(queries)) if queries else []
    pieces = schema(host, env) if columns is None else ()
    return {
        each["name"]: (int(each["rows"]), _sum(each["sum"], each["name"], pieces)) for each in found
    }


def users(host: Host, env: dict[str, str]) -> tuple[str, ...]:
    """Return the other sessions."""
    sql = (
        "SELECT pid, usename, application_name, client_addr FROM pg_stat_activity WHERE "
        f"datname = {literal(env['PGDATABASE'])} AND pid <> pg_backend_pid() AND (backend_type = 'client backend' "
        "OR backend_type IS NULL AND usesysid IS NOT NULL)"  # another role's: all but its name is hidden from us
    )
    return tuple(
        f"server process {each['pid']} ({each['application_name'] or 'unnamed'}, user {each['usename']}, "
        f"from {each['client_addr'] or 'this machine'})"
        for each in asked(host, env, sql, timeout=_LOOK)
    )


def _sum(rows: str, table: str, pieces: Schema) -> str:
    """Return one digest of a table's rows and, where asked for, of its definition."""
    own = [piece for piece in pieces if piece.table == table]
    return hashlib.sha256(json.dumps([rows, own]).encode()).hexdigest()[:32]
