from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Column, Integer, MetaData, Table, create_engine

from unstale_health.core import CURRENT, OUTDATED, DatabaseHealth
from unstale_health.fastapi import health_router

metadata = MetaData()
Table(
    "user", metadata, Column("id", Integer, primary_key=True), Column("professional_role", Integer)
)


def client(path: Path) -> TestClient:
    app = FastAPI()
    app.include_router(health_router(engine=create_engine(f"sqlite:///{path}"), metadata=metadata))
    return TestClient(app)


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement)
        database.commit()


def test_missing_column_is_503_with_what_to_do(tmp_path: Path) -> None:
    execute(tmp_path / "app.db", "CREATE TABLE user (id INTEGER PRIMARY KEY)")
    answer = client(tmp_path / "app.db").get("/health/db")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unhealthy",
        "database": "outdated",
        "detail": "Database schema is outdated. Run migrations.",
    }
    assert answer.headers["cache-control"] == "no-store"


def test_current_schema_is_healthy_also_by_head(tmp_path: Path) -> None:
    execute(
        tmp_path / "app.db", "CREATE TABLE user (id INTEGER PRIMARY KEY, professional_role INTEGER)"
    )
    asked = client(tmp_path / "app.db")
    assert asked.get("/health/db").json() == {"status": "healthy", "database": "current"}
    head = asked.head("/health/db")
    assert (head.status_code, head.content) == (200, b"")
    assert asked.get("/health").json() == {"status": "healthy"}


def test_broken_database_says_nothing_of_itself(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"not a database, not a database, not a database")
    answer = client(tmp_path / "app.db").get("/health/db")
    assert answer.status_code == 503
    assert answer.json()["database"] == "unreachable"
    assert str(tmp_path) not in answer.text


def test_slow_probe_is_asked_once_and_answered_in_time() -> None:
    calls = []
    release = threading.Event()

    def probe() -> str:
        calls.append(1)
        release.wait(5)
        return CURRENT

    health = DatabaseHealth(probe, ttl=0.05, limit=0.1)
    began = time.monotonic()
    assert {health.answer().status for _ in range(3)} == {503}
    assert time.monotonic() - began < 2
    assert len(calls) == 1
    release.set()
    while health.answer().status != 200:
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(("state", "status"), [(CURRENT, 200), (OUTDATED, 503)])
def test_answer_is_kept_for_its_time(state: str, status: int) -> None:
    calls = []

    def probe() -> str:
        calls.append(1)
        return state

    health = DatabaseHealth(probe, ttl=60)
    assert [health.answer().status for _ in range(5)] == [status] * 5
    assert len(calls) == 1
