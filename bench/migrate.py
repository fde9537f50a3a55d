"""How well a rehearsal predicts the lock: predicted beside measured, in generated migrations of 10 to 200 MB.

Run it as `python -m bench.migrate [sqlite] [postgresql] [--scale 0.1]`. Measured is what another client feels: the
longest time through which it could not begin a write while the migration ran on the live database.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from lab.postgres import Cluster
from unstale.local import LocalHost
from unstale.migration.rehearsal import migrate, rehearse
from unstale.migration.upgrade import Order
from unstale.stores.find import AnyStore
from unstale.stores.postgres import PostgresStore
from unstale.stores.sqlite import SqliteStore
from unstale.stores.url_sources import UrlSource

ROW = 1000  # bytes of a row
CLOSE_S, CLOSE_SHARE = 0.1, 0.3  # what still counts as right: within 100 ms, or within 30 %
_ENV = """\
import os
from alembic import context
from sqlalchemy import create_engine, pool

with create_engine(os.environ["BENCH_URL"], poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
_SCRIPT = """\
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down}


def upgrade():
    {body}
"""
_REBUILD = """\
with op.batch_alter_table("big", recreate="always") as batch:
        batch.add_column(sa.Column("extra", sa.String(9)))"""


@dataclass(frozen=True, slots=True)
class Case:
    """One migration of a table of `size` MB."""

    kind: str
    name: str
    size: int
    body: str
    wal: bool = True


CASES = (
    Case("sqlite", "add column", 10, 'op.add_column("big", sa.Column("extra", sa.Integer))'),
    Case("sqlite", "index", 50, 'op.create_index("ix", "big", ["number"])'),
    Case("sqlite", "index", 200, 'op.create_index("ix", "big", ["number"])'),
    Case("sqlite", "rebuild", 10, _REBUILD),
    Case("sqlite", "rebuild", 50, _REBUILD),
    Case("sqlite", "rebuild", 100, _REBUILD, wal=False),
    Case("sqlite", "rebuild", 200, _REBUILD),
    Case("sqlite", "backfill", 30, 'op.execute("update big set number = number + 1")'),
    Case("sqlite", "backfill", 150, 'op.execute("update big set number = number + 1")'),
    Case("sqlite", "drop column", 100, 'op.drop_column("big", "number")', wal=False),
    Case("postgresql", "add column", 10, 'op.add_column("big", sa.Column("extra", sa.Integer))'),
    Case("postgresql", "index", 50, 'op.create_index("ix", "big", ["number"])'),
    Case("postgresql", "index", 200, 'op.create_index("ix", "big", ["number"])'),
    Case("postgresql", "type", 10, 'op.alter_column("big", "number", type_=sa.BigInteger)'),
    Case("postgresql", "type", 100, 'op.alter_column("big", "number", type_=sa.BigInteger)'),
    Case("postgresql", "type", 200, 'op.alter_column("big", "number", type_=sa.BigInteger)'),
    Case("postgresql", "backfill", 30, 'op.execute("update big set number = number + 1")'),
    Case("postgresql", "backfill", 100, 'op.execute("update big set number = number + 1")'),
    Case("postgresql", "not null", 200, 'op.alter_column("big", "number", nullable=False)'),
    Case("postgresql", "unique", 100, 'op.create_unique_constraint("uq", "big", ["number"])'),
)


def main() -> int:
    """Measure, and print a row a case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=[])
    parser.add_argument("--scale", type=float, default=1.0)
    asked = parser.parse_args()
    cluster = Cluster(durable=True)
    chosen = [each for each in CASES if each.kind in (asked.kinds or ("sqlite", "postgresql"))]
    right: dict[str, list[bool]] = {}
    print(
        "| database | migration | MB | predicted s | measured s | off | right |\n|---|---|---|---|---|---|---|"
    )
    try:
        if any(each.kind == "postgresql" for each in chosen):
            cluster.start()
        for case in chosen:
            predicted, measured = _measure(case, cluster, asked.scale)
            off = abs(predicted - measured)
            right.setdefault(case.kind, []).append(off <= CLOSE_S or off <= CLOSE_SHARE * measured)
            verdict = "yes" if right[case.kind][-1] else "no"
            words = (
                case.kind,
                case.name,
                round(case.size * asked.scale),
                f"{predicted:.3f}",
                f"{measured:.3f}",
            )
            print("|", " | ".join(map(str, (*words, f"{off:.3f}", verdict))), "|", flush=True)
    finally:
        cluster.stop()
    for kind, verdicts in right.items():
        print(f"{kind}: {sum(verdicts)} of {len(verdicts)} right")
    return 0


def _measure(case: Case, cluster: Cluster, scale: float) -> tuple[float, float]:
    host = LocalHost(changing=True)
    place = Path(tempfile.mkdtemp(prefix="bench-", dir="."))
    rows = round(case.size * scale * 1_000_000 / ROW)
    try:
        store, url, probe = (_sqlite if case.kind == "sqlite" else _postgresql)(
            case, cluster, place, rows
        )
        _project(place, case, url)
        order = Order(store, str(place.resolve() / "alembic.ini"), sys.executable, None, "head")
        with _environment(url):
            rehearsed = rehearse(host, order, str(place.resolve() / "scratch"))
            assert rehearsed.record.done, rehearsed.record.error
            with _probing(probe) as felt:
                migrate(
                    host,
                    order,
                    rehearsed,
                    str(place.resolve() / "live.jsonl"),
                    rows={},
                    shared=True,
                )
        return rehearsed.locked, max(felt, default=0.0)
    finally:
        shutil.rmtree(place)


def _project(place: Path, case: Case, url: str) -> None:
    versions = place / "migrations" / "versions"
    versions.mkdir(parents=True)
    (place / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    (place / "migrations" / "env.py").write_text(_ENV)
    (versions / "a.py").write_text(_SCRIPT.format(revision="a", down=None, body="pass"))
    with _environment(url):
        subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "a"],
            cwd=place,
            check=True,
            capture_output=True,
        )
    (versions / "b.py").write_text(_SCRIPT.format(revision="b", down='"a"', body=case.body))


def _sqlite(
    case: Case, _: Cluster, place: Path, rows: int
) -> tuple[AnyStore, str, Callable[[], None]]:
    path = str(place.resolve() / "live.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"pragma journal_mode = {'wal' if case.wal else 'delete'}")
        db.execute("create table big (id integer primary key, number integer, text varchar)")
        filler = "x" * (ROW - 20)
        db.executemany(
            "insert into big (number, text) values (?, ?)",
            ((each * 7919 % rows, filler) for each in range(rows)),
        )
        db.commit()
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)

    def probe() -> None:
        db.execute("begin immediate")
        db.execute("rollback")

    return SqliteStore(path), f"sqlite:///{path}", probe


def _postgresql(
    case: Case, cluster: Cluster, place: Path, rows: int
) -> tuple[AnyStore, str, Callable[[], None]]:
    name = f"bench_{case.name.replace(' ', '_')}_{case.size}"
    cluster.psql(f"create database {name}")
    cluster.psql(
        "create table big (id serial primary key, number integer, text varchar); "
        f"insert into big (number, text) select i, repeat(md5(i::text), {ROW // 32 - 1}) "
        f"from generate_series(1, {rows}) i; "
        "vacuum analyze big; checkpoint",
        database=name,
    )
    url = cluster.url(name, driver="+psycopg")
    (place / ".env").write_text(f"DATABASE_URL={cluster.url(name)}\n")
    source = UrlSource("DATABASE_URL", None, (str(place.resolve() / ".env"),))
    db = psycopg.connect(cluster.url(name), autocommit=True)
    db.execute("set lock_timeout = '1ms'")

    def probe() -> None:
        with db.transaction(force_rollback=True):
            db.execute("update big set number = number where id = 1")

    return (
        PostgresStore(cluster.url(name).replace(f":{_password(cluster)}@", "@"), source),
        url,
        probe,
    )


def _password(cluster: Cluster) -> str:
    return cluster.environ()["PGPASSWORD"]


@contextmanager
def _environment(url: str) -> Iterator[None]:
    import os  # noqa: PLC0415 - for this one variable

    os.environ["BENCH_URL"] = url
    yield
    del os.environ["BENCH_URL"]


@contextmanager
def _probing(probe: Callable[[], Any]) -> Iterator[list[float]]:
    """Try to write again and again; fill the list with how long each refusal lasted."""
    felt: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        since = None
        while not stop.is_set():
            began = time.monotonic()
            try:
                probe()
            except (sqlite3.OperationalError, psycopg.errors.LockNotAvailable):
                since = since or began
            else:
                felt.extend([time.monotonic() - since] if since else [])
                since = None
            stop.wait(0.002)
        felt.extend([time.monotonic() - since] if since else [])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield felt
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
