"""Dumps of a PostgreSQL database: made by pg_dump, verified by reading them to their end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from unstale.errors import Failed
from unstale.stores.postgres_client import acted

if TYPE_CHECKING:
    from unstale.host import Host

# Rows follow "COPY name (columns) FROM stdin;" a line each up to "\."; a line end in a value is escaped:
# https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
_COUNT = r"""
{ pg_restore --data-only -f - "$1" || echo unstale-failed; } | awk '
!inside && /^COPY / {
  name = $0; sub(/^COPY /, "", name); sub(/( \(.*\))? FROM stdin;$/, "", name); inside = 1; rows = 0; next
}
inside && /^\\\.$/ { print rows "\t" name; inside = 0; next }
inside && /^unstale-failed$/ { print; next }
inside { rows++ }
!inside && /^unstale-failed$/ { print }'
"""
_PART = re.compile(r'"((?:[^"]|"")*)"|([^.]+)')


def dump(host: Host, env: dict[str, str], target: str) -> None:
    """Dump the database of the environment to a file of ours alone. Raises Failed, and leaves no half one."""
    host.write(target, b"")  # 0600; pg_dump keeps the mode of a file that is there
    try:
        acted(host, env, "pg_dump", "-Fc", "-f", target)
    except Failed:
        host.discard(target)
        raise


def rows_in(host: Host, env: dict[str, str], source: str) -> dict[str, int]:
    """Return the rows of each table in a dump. Raises Failed for one that cannot be read to its end."""
    done = acted(host, env, "sh", "-c", _COUNT, "sh", source)
    lines = done.out.splitlines()
    if "unstale-failed" in lines:
        said = [line for line in done.err.splitlines() if line.strip()]
        raise Failed(
            what=f"the backup {source} is damaged",
            why=said[-1] if said else "pg_restore cannot read it to its end",
            next="Nothing was changed. unstale db status lists the others.",
        )
    pairs = (line.partition("\t") for line in lines)
    return {_plain(name): int(rows) for rows, _, name in pairs}


def _plain(name: str) -> str:
    """Return public."user" as user, other."a b" as other.a b."""
    parts = [
        found[1].replace('""', '"') if found[1] is not None else found[2]
        for found in _PART.finditer(name)
    ]
    return ".".join(parts[1:] if parts[0] == "public" else parts)
