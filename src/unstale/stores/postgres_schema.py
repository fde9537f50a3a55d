"""The schema and the rows of a PostgreSQL database, asked from its catalogs.

https://www.postgresql.org/docs/current/catalogs.html. Owners, privileges and comments are left out; what an extension
brings is the extension's.
"""

from __future__ import annotations

from unstale.stores.postgres_client import identifier, literal

_OURS = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
_OWN = "NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = {0}.oid AND e.deptype = 'e')"
_NAME = "CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END"
_FROM = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
_WHERE = f"WHERE {_OURS} AND {_OWN.format('c')}"

TABLES = f"""\
SELECT {_NAME} AS name, n.nspname AS schema, c.relname AS bare {_FROM} {_WHERE} AND c.relkind = 'r' ORDER BY 1"""

SCHEMA = f"""\
SELECT {_NAME} AS "table", CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' WHEN 'S' THEN 'sequence'
  ELSE 'table' END AS kind, c.relname AS name, CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid)
  WHEN 'm' THEN 'materialized ' || pg_get_viewdef(c.oid) WHEN 'p' THEN 'partitioned ' || pg_get_partkeydef(c.oid)
  WHEN 'S' THEN (SELECT format('%s from %s by %s', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement)
  FROM pg_sequence s WHERE s.seqrelid = c.oid) ELSE coalesce(pg_get_expr(c.relpartbound, c.oid), '')
  || CASE WHEN c.relrowsecurity THEN ' row security' ELSE '' END END AS definition
  {_FROM} {_WHERE} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
UNION ALL SELECT {_NAME}, 'column', a.attname, format_type(a.atttypid, a.atttypmod)
  || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
  || CASE WHEN a.attgenerated <> '' THEN ' GENERATED ' || pg_get_expr(d.adbin, d.adrelid)
     WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END
  || CASE a.attidentity WHEN '' THEN '' ELSE ' IDENTITY ' || a.attidentity::text END
  || coalesce((SELECT ' COLLATE ' || l.oid::regcollation::text FROM pg_collation l JOIN pg_type t ON t.oid = a.atttypid
     WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation), '')
  {_FROM} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum {_WHERE} AND c.relkind IN ('r', 'p', 'f')
UNION ALL SELECT {_NAME}, CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'c' THEN 'check'
  WHEN 'f' THEN 'foreign key' ELSE 'exclude' END, k.conname, pg_get_constraintdef(k.oid)
  {_FROM} JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u', 'c', 'f', 'x') {_WHERE}
UNION ALL SELECT {_NAME}, 'index', x.relname, pg_get_indexdef(x.oid)
  {_FROM} JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid {_WHERE}
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x'))
UNION ALL SELECT {_NAME}, 'trigger', t.tgname, pg_get_triggerdef(t.oid)
  {_FROM} JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal {_WHERE}
UNION ALL SELECT {_NAME}, 'policy', p.polname, format('%s %s %s', p.polcmd,
  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  {_FROM} JOIN pg_policy p ON p.polrelid = c.oid {_WHERE}
UNION ALL SELECT '', 'type', t.typname, (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
  FROM pg_enum e WHERE e.enumtypid = t.oid)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {_OURS} AND t.typtype = 'e' AND {_OWN.format("t")}
UNION ALL SELECT '', 'domain', t.typname, format_type(t.typbasetype, t.typtypmod)
  || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END || coalesce(' DEFAULT ' || t.typdefault, '')
  || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(k.oid), '' ORDER BY k.conname)
  FROM pg_constraint k WHERE k.contypid = t.oid), '')
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {_OURS} AND t.typtype = 'd' AND {_OWN.format("t")}
UNION ALL SELECT '', 'function', format('%s(%s)', f.proname, pg_get_function_identity_arguments(f.oid)),
  md5(pg_get_functiondef(f.oid)) FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
  WHERE {_OURS} AND f.prokind IN ('f', 'p') AND {_OWN.format("f")}"""


def rows_of(name: str, schema: str, bare: str, columns: tuple[str, ...] | None) -> str:
    """Return the query for a table's rows and two sums over the hash of each: equal in any order of the rows."""
    row = "t.*::text" if columns is None else f"ROW({', '.join(map(_column, columns))})::text"
    halves = (f"('x' || substr(m, {at}, 15))::bit(60)::bigint" for at in (1, 17))
    sums = " || ' ' || ".join(f"coalesce(sum({each}), 0)" for each in halves)
    table = f"{identifier(schema)}.{identifier(bare)}"
    return (
        f"SELECT {literal(name)} AS name, count(*) AS rows, {sums} AS sum "
        f"FROM (SELECT md5({row}) AS m FROM {table} t) r"
    )


def guarded(
    kept: list[tuple[dict[str, str], tuple[str, ...]]], statements: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the statements between two looks at these tables' rows; the transaction fails where they differ."""
    looks = [rows_of(each["name"], each["schema"], each["bare"], columns) for each, columns in kept]
    if not looks:
        return statements
    tables = ", ".join(
        f"{identifier(each['schema'])}.{identifier(each['bare'])}" for each, _ in kept
    )
    look = " UNION ALL ".join(looks)
    differs = (
        f"(TABLE pg_temp.unstale_before EXCEPT ALL ({look})) UNION ALL "
        f"(({look}) EXCEPT ALL TABLE pg_temp.unstale_before)"
    )
    why = "rows would no longer be what they were"
    return (
        f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE",
        f"CREATE TEMP TABLE unstale_before ON COMMIT DROP AS {look}",
        *statements,
        f"DO $unstale$ BEGIN IF EXISTS ({differs}) THEN RAISE EXCEPTION '{why}'; END IF; END $unstale$",
    )


def _column(name: str) -> str:
    return f"t.{identifier(name)}"
