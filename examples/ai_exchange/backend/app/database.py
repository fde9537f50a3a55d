"""The engine, SQLite's settings, and a session for each request."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import event
from sqlmodel import Session, create_engine

from app.settings import get_settings

engine = create_engine(get_settings().database_url, connect_args={"check_same_thread": False})


@event.listens_for(engine, "connect")
def _configure(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 5000")


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session
