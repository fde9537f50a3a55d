"""Runs guard/run_migrations.py in the project's own Python, on the live database or on a copy."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.errors import Failed
from unstale.facts.env_files import secrets
from unstale.facts.environ import environ_of
from unstale.migration.record import Record, recorded
from unstale.redact import hide

if TYPE_CHECKING:
    from unstale.host import Host
    from unstale.store import Store

_GUARD = Path(__file__).parent.parent / "guard" / "run_migrations.py"
_LONG = 4 * 3600.0  # seconds; a migration that is ended is rolled back
LOCK_TIMEOUT = 5.0  # seconds that a statement on PostgreSQL may wait for its lock: everybody else waits behind it


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run: on what, by which alembic.ini and Python, with whose environment (None: ours), how far.

    `kept` is the file that keeps the environment of a process which was stopped before.
    """

    store: Store
    config: str
    python: str
    pid: int | None
    target: str
    kept: str = ""


def upgrade(
    host: Host,
    order: Order,
    record: str,
    *,
    redirect: dict[str, object] | None = None,
    broken: dict[str, int] | None = None,
) -> Record:
    """Run it, and return what the file `record` then holds. Raises Failed where it could not be run at all.

    `redirect`: rehearse on that copy. It dies with us: what is not committed then is rolled back.
    """
    place = Path(order.config)
    asked = {
        "config": place.name,
        "target": order.target,
        "record": record,
        "redirect": redirect,
        "broken": broken or {},
        "parent": os.getpid(),
        "lock_timeout": LOCK_TIMEOUT,
    }
    environment = environment_of(host, order.pid, order.kept)
    host.write(record, b"")
    done = host.act(
        (order.python, str(_GUARD), json.dumps(asked)),
        cwd=str(place.parent),
        env=tuple(environment.items()),
        timeout=_LONG,
    )
    password = order.store.environment(host).get("PGPASSWORD", "")
    values = (*secrets(host, environment.values(), f"{place.parent}/.env"), password)
    ran = recorded(host.read(record), order.store.kind)
    if ran.done or ran.error:
        return ran.without(values)
    said = (done.err.strip() or f"exit {done.code}").splitlines()[-1]
    if done.code < 0:
        return ran.failing(f"it was ended by signal {-done.code}")
    raise Failed(
        what="alembic could not be run",
        why=hide(said, values),
        next=f"cd {place.parent} && {order.python} -m alembic -c {place.name} current",
    )


def environment_of(host: Host, pid: int | None, kept: str) -> dict[str, str]:
    """Return what the process was started with. Raises Failed: without it another database may be reached."""
    try:
        if kept:
            return dict(json.loads(host.read(kept))["start"]["env"])
        return environ_of(host, pid) if pid else {}
    except (OSError, ValueError, TypeError, KeyError):
        raise Failed(
            what=f"the environment of process {pid} is no longer known",
            why="it ended, and without it another database may be reached",
            next="Start it again, then: unstale db migrate",
        ) from None
