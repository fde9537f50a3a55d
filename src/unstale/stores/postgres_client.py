"""The standard clients of PostgreSQL, run with libpq's variables and nothing else of ours; no secret is in an argv."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unstale.errors import Failed, Unavailable
from unstale.redact import hide

if TYPE_CHECKING:
    from unstale.host import Host, Ran

_OURS = ("PATH", "HOME", "TMPDIR")
_QUIET = ("-X", "-q", "-v", "ON_ERROR_STOP=1")
_LONG = 3600.0  # seconds for what reads or writes every row
# The same text for the same rows and definitions, whatever the role's settings are.
_STEADY = """\
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL search_path = pg_catalog; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex';
"""

Rows = list[dict[str, Any]]


def asked(host: Host, env: dict[str, str], sql: str, *, timeout: float = _LONG) -> Rows:
    """Return a query's rows from one read-only snapshot. Raises Unavailable."""
    script = f"{_STEADY}SELECT coalesce(json_agg(q), '[]') FROM ({sql}) q;\nCOMMIT;\n"
    argv = (_client(host, "psql"), *_QUIET, "-A", "-t", "-w")
    done = host.run(argv, env=_full(host, env), clean=True, stdin=script, timeout=timeout)
    if done.code:
        raise Unavailable(
            what=f"cannot look at {_name(env)}", why=_said(done, env), next=_next(env)
        )
    return list(json.loads(done.out))


def told(host: Host, env: dict[str, str], *statements: str) -> None:
    """Run statements that change things, in one transaction where there are several. Raises Failed."""
    whole = ("-1",) if len(statements) > 1 else ()
    acted(host, env, "psql", *_QUIET, *whole, "-f", "-", stdin=";\n".join(statements))


def acted(host: Host, env: dict[str, str], program: str, *words: str, stdin: str = "") -> Ran:
    """Run a client that changes something; the words hold no secret. Raises Failed."""
    password = () if program == "sh" else ("-w",)  # never ask for one
    argv = (_client(host, program), *password, *words)
    done = host.act(argv, env=_full(host, env), clean=True, stdin=stdin, timeout=_LONG)
    if done.code:
        raise Failed(
            what=f"{program} failed for {_name(env)}", why=_said(done, env), next=_next(env)
        )
    return done


def literal(text: str) -> str:
    """Return the text as SQL (standard_conforming_strings on, the default since 9.1)."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return the name quoted as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _client(host: Host, program: str) -> str:
    found = host.which(program)
    if found is None:
        raise Unavailable(
            what=f"cannot run {program}",
            why="it is not installed",
            next="Install PostgreSQL's clients: apt-get install postgresql-client",
        )
    return found


def _full(host: Host, env: dict[str, str]) -> tuple[tuple[str, str], ...]:
    ours = {name: value for name in _OURS if (value := host.environ(name)) is not None}
    steady = {"LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8", "PGAPPNAME": "unstale"}
    return tuple({**ours, **steady, "PGCONNECT_TIMEOUT": "5", **env}.items())


def _said(done: Ran, env: dict[str, str]) -> str:
    """Return the client's last words without the password."""
    lines = [line for line in done.err.splitlines() if line.strip()] or [f"exit {done.code}"]
    errors = [line for line in lines if "ERROR" in line or "FATAL" in line or "error:" in line]
    return hide((errors or lines)[-1].strip(), [env.get("PGPASSWORD", "")])


def _name(env: dict[str, str]) -> str:
    return f"the database {env.get('PGDATABASE', '')}"


def _next(env: dict[str, str]) -> str:
    words = [f"-h {env['PGHOST']}"] if "PGHOST" in env else []
    words += [f"-p {env['PGPORT']}"] if "PGPORT" in env else []
    words += [f"-U {env['PGUSER']}"] if "PGUSER" in env else []
    return f"psql {' '.join(words)} {env.get('PGDATABASE', '')}"
