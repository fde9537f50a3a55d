"""Runs migrations so that SQLite keeps either the old schema or the new one, wherever the process is killed.

Three things together make it so: the driver opens no transaction by itself (isolation_level None), one is opened at
once by BEGIN IMMEDIATE, and Alembic is told that DDL is transactional. Foreign keys are off before the BEGIN, because
a rebuilt table is dropped, and are checked before the COMMIT.
"""

from alembic import context
from sqlalchemy import create_engine, event, pool, text
from sqlmodel import SQLModel

import app.models  # noqa: F401 - registers the tables
from app.settings import get_settings

url = context.config.get_main_option("sqlalchemy.url") or get_settings().database_url
engine = create_engine(url, poolclass=pool.NullPool)

if engine.dialect.name == "sqlite":

    @event.listens_for(engine, "connect")
    def _manual(connection, _):
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA foreign_keys = OFF")

    @event.listens_for(engine, "begin")
    def _begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
        if engine.dialect.name == "sqlite":
            broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
            if broken:
                raise RuntimeError(f"foreign keys are broken in {sorted({row[0] for row in broken})}")
