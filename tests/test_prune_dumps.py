"""Dumps of a PostgreSQL database are bounded as backups of SQLite are; the only copy of data stays."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from changes import Clock, found

from lab.postgres import PASSWORD
from unstale.actions.replace_database import ReplaceDatabase
from unstale.cli.db.backup import back_up
from unstale.fact import Facts
from unstale.layer import Risk
from unstale.perform import begin, perform
from unstale.plan import Plan, Step
from unstale.prune import BACKUPS, NEWEST, Limits, prune
from unstale.stores.find import one
from unstale.stores.postgres import PostgresStore

if TYPE_CHECKING:
    from conftest import Cluster

NONE = Limits(timedelta(0), 0)
_NUMBERS = count()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def name(postgres: Cluster) -> Iterator[str]:
    made = f"pruned_{os.getpid()}_{next(_NUMBERS)}"
    postgres.psql(f"CREATE DATABASE {made}")
    postgres.psql("CREATE TABLE note (text text); INSERT INTO note VALUES ('a')", database=made)
    yield made


@pytest.fixture
def facts(
    postgres: Cluster, name: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Facts:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "root"
    root.mkdir()
    url = postgres.url(name, driver="+psycopg")
    (root / "unstale.toml").write_text(f'[backend]\npath = "."\n[database]\nurl = "{url}"\n')
    return found(root, clock)


def dumped(facts: Facts, clock: Clock, days: int) -> list[str]:
    """Back the database up once a day."""
    store, runs = one(facts, None), []
    for _ in range(days):
        run = begin(facts, "db backup")
        back_up(facts, run, store, str(run.keep(1).state / "before.dump"), number=1)
        runs.append(run.id)
        clock.pass_by(days=1)
    return runs


def pruned(facts: Facts, limits: Limits = NONE) -> tuple[str, ...]:
    return prune(facts.again(), begin(facts, "fix"), backups=limits)


def kept(facts: Facts) -> list[str]:
    return sorted(each.name for each in (facts.project.state / "backups").iterdir())


def dump_of(facts: Facts, run: str) -> Path:
    return facts.project.state / "backups" / run / "1/before.dump"


def test_dumps_over_the_limits_go_and_the_newest_stay(facts: Facts, clock: Clock) -> None:
    runs = dumped(facts, clock, 6)
    assert pruned(facts, BACKUPS) == ()
    size = sum(each.stat().st_size for each in dump_of(facts, runs[0]).parent.iterdir())
    said = pruned(facts, replace(BACKUPS, size=size * 100))
    assert said == ()
    assert len(pruned(facts)) == len(runs) - NEWEST
    assert kept(facts) == runs[-NEWEST:]


def test_dumps_older_than_the_limit_go(facts: Facts, clock: Clock) -> None:
    runs = dumped(facts, clock, 6)
    pruned(facts, Limits(timedelta(days=4, hours=12), 1 << 50))
    assert kept(facts) == runs[2:]


@pytest.mark.parametrize("harm", ["garbage", "half", "gone", "no note"])
def test_dump_stays_while_every_newer_one_is_damaged(facts: Facts, clock: Clock, harm: str) -> None:
    runs = dumped(facts, clock, 5)
    for run in runs[2:]:
        damaged = dump_of(facts, run)
        if harm in ("garbage", "half"):
            text = b"PGDMP" + b"x" * 999 if harm == "garbage" else damaged.read_bytes()[:-99]
            damaged.write_bytes(text)
        else:
            (damaged if harm == "gone" else Path(f"{damaged}.json")).unlink()
    pruned(facts)
    assert kept(facts) == runs[1:]  # the first has a whole newer one: the second


def test_dumps_stay_while_the_database_cannot_be_read(
    facts: Facts, clock: Clock, postgres: Cluster, name: str
) -> None:
    runs = dumped(facts, clock, 5)
    postgres.psql(f"ALTER DATABASE {name} RENAME TO {name}_away")
    assert pruned(facts) == ()
    postgres.psql(f"CREATE DATABASE {name}")  # without a table
    assert pruned(facts) == ()
    assert kept(facts) == runs


def test_dumps_of_a_database_that_is_configured_no_more_stay(facts: Facts, clock: Clock) -> None:
    runs = dumped(facts, clock, 5)
    (facts.project.root / "unstale.toml").write_text('[backend]\npath = "."\n')
    assert prune(found(facts.project.root, clock), begin(facts, "fix"), backups=NONE) == ()
    assert kept(facts) == runs


def test_last_dump_with_rows_stays_when_the_database_was_emptied(
    facts: Facts, clock: Clock, postgres: Cluster, name: str
) -> None:
    runs = dumped(facts, clock, 2)
    postgres.psql("DELETE FROM note", database=name)
    runs += dumped(facts, clock, 5)
    pruned(facts)
    assert kept(facts) == [runs[1], *runs[-NEWEST:]]


def test_dump_of_another_database_makes_none_go(
    facts: Facts, clock: Clock, postgres: Cluster, name: str
) -> None:
    (only,) = dumped(facts, clock, 1)
    note = Path(f"{dump_of(facts, only)}.json")
    said = json.loads(note.read_text())
    note.write_text(json.dumps({**said, "label": said["label"] + "_other"}))
    runs = dumped(facts, clock, 4)
    pruned(facts)
    assert kept(facts) == [only, *runs[1:]]


def test_replaced_database_on_the_server_is_never_dropped_and_its_run_stays_as_long(
    facts: Facts, clock: Clock, postgres: Cluster
) -> None:
    first = dumped(facts, clock, 1)
    store = one(facts, None)
    assert isinstance(store, PostgresStore)
    run = begin(facts, "db restore")
    action = ReplaceDatabase(store, str(dump_of(facts, first[0])))
    plan = Plan((Step(action, ()),))
    outcomes = list(perform(run, plan, facts, limit=Risk.DESTRUCTIVE, say=str))
    assert [each.state for each in outcomes] == ["done"]
    later = dumped(facts, clock, 5)
    (replaced,) = json.loads((run.keep(1).state / "replaced.json").read_text()).values()
    there = f"SELECT count(*) FROM pg_database WHERE datname = '{replaced}'"
    pruned(facts)
    assert kept(facts) == [run.id, *later[-NEWEST:]]
    assert postgres.psql(there) == "1"
    postgres.psql(f'DROP DATABASE "{replaced}"')
    pruned(facts)
    assert kept(facts) == later[-NEWEST:]


def test_password_is_in_nothing_that_is_kept(facts: Facts, clock: Clock) -> None:
    dumped(facts, clock, 4)
    said = pruned(facts)
    words = b"".join(each.read_bytes() for each in facts.project.state.rglob("*") if each.is_file())
    assert PASSWORD.encode() not in words + "".join(said).encode()
