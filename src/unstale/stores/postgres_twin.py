"""Databases beside a PostgreSQL database: made alike, dropped, and exchanged for it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from unstale.errors import Failed, Unavailable
from unstale.stores.postgres_client import acted, asked, identifier, literal, told
from unstale.stores.postgres_dump import dump

if TYPE_CHECKING:
    from unstale.host import Host

SCRATCH = ".scratch"
"""How the name of the file ends that tells a scratch copy's name, and holds the label of what it is of."""
_SCRATCH_NAME = re.compile(r"unstale_[0-9a-f]{16}")
_MAINTENANCE = ("postgres", "template1")
# Lists that are stored quoted already: pg_dump's variable_is_guc_list_quote().
_LISTS = "'local_preload_libraries', 'search_path', 'session_preload_libraries', 'temp_tablespaces'"
_ALIKE = (
    """\
SELECT format('CREATE DATABASE %I TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L '
  'CONNECTION LIMIT %s', {new}, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
  d.datconnlimit) || CASE t.spcname WHEN 'pg_default' THEN '' ELSE format(' TABLESPACE %I', t.spcname) END
  || CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN format(' LOCALE_PROVIDER icu '
  'ICU_LOCALE %L', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')) ELSE '' END AS sql, 0 AS at
  FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = {old}
UNION ALL SELECT CASE s.setrole WHEN 0 THEN format('ALTER DATABASE %I', {new}) ELSE
  format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), {new}) END || format(' SET %I TO ',
  split_part(c, '=', 1)) || CASE WHEN split_part(c, '=', 1) IN ("""
    + _LISTS
    + """) THEN substr(c, strpos(c, '=') + 1)
  ELSE quote_literal(substr(c, strpos(c, '=') + 1)) END, 1
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c WHERE d.datname = {old}
UNION ALL SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', {new}), 2
  FROM pg_database d WHERE d.datname = {old} AND d.datacl IS NOT NULL
UNION ALL SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, {new},
  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), 3
  FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = {old}
ORDER BY 2"""
)


def create_alike(host: Host, env: dict[str, str], old: str, new: str) -> None:
    """Make an empty database with the owner, locale, settings and privileges of the other. Raises Unavailable."""
    drop(host, env, new)  # of a run that was killed; the name is ours alone
    statements = [
        str(each["sql"])
        for each in asked(host, env, _ALIKE.format(new=literal(new), old=literal(old)))
    ]
    try:
        for each in statements:  # CREATE DATABASE stands in no transaction
            told(host, _maintenance(host, env), each)
    except Failed as error:
        raise Unavailable(
            what=f"cannot make a database beside {old}",
            why=error.why,
            next=f'Give the user that right: ALTER ROLE "{env.get("PGUSER", "…")}" CREATEDB',
        ) from None


def copy(host: Host, env: dict[str, str], new: str, target: str) -> None:
    """Fill an empty database with schema and rows of the environment's own, through the file `target`."""
    dump(host, env, target)
    words = ("--exit-on-error", "--no-owner", "--no-privileges", "-d", new, target)
    acted(host, {**env, "PGDATABASE": new}, "pg_restore", *words)
    _calm(host, {**env, "PGDATABASE": new})


def _calm(host: Host, env: dict[str, str]) -> None:
    """Give a restored copy statistics, hint bits and clean pages, as the live one has: what is timed would pay."""
    acted(host, env, "psql", "-X", "-q", "-c", "VACUUM ANALYZE")
    with suppress(Failed):  # only a superuser or pg_checkpoint may; DROP DATABASE asks for one too
        acted(host, env, "psql", "-X", "-q", "-c", "CHECKPOINT")


def drop(host: Host, env: dict[str, str], name: str) -> None:
    """Drop a database that we made, if it is there."""
    if exists(host, env, name):
        told(host, _maintenance(host, env), f"DROP DATABASE {identifier(name)}")


def drop_scratch(host: Host, env: dict[str, str], name: str) -> None:
    """Drop a scratch copy, and nothing that has another name than one."""
    if _SCRATCH_NAME.fullmatch(name):
        drop(host, env, name)


def exists(host: Host, env: dict[str, str], name: str) -> bool:
    """Return whether the server has a database of that name."""
    sql = f"SELECT 1 AS there FROM pg_database WHERE datname = {literal(name)}"
    return bool(asked(host, _maintenance(host, env), sql))


def exchange(host: Host, env: dict[str, str], live: str, kept: str, new: str) -> None:
    """Call `live` `kept` and `new` `live`, both or neither: a rename stands in a transaction. Raises Failed.

    The server refuses it while anybody is connected to either.
    """
    told(
        host,
        _maintenance(host, env),
        f"ALTER DATABASE {identifier(live)} RENAME TO {identifier(kept)}",
        f"ALTER DATABASE {identifier(new)} RENAME TO {identifier(live)}",
    )


def _maintenance(host: Host, env: dict[str, str]) -> dict[str, str]:
    """Return the environment for a database that is always there, because none can be renamed from within."""
    last: Unavailable | None = None
    for name in _MAINTENANCE:
        there = {**env, "PGDATABASE": name}
        try:
            asked(host, there, "SELECT 1 AS there", timeout=5.0)
        except Unavailable as error:
            last = error
        else:
            return there
    raise last or AssertionError
