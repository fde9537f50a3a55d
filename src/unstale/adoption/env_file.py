"""The env.py that adoption writes, for every driver that the app may name.

It keeps SQLite crash-safe: https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable.
An asynchronous driver is run as alembic's own template does:
https://alembic.sqlalchemy.org/en/latest/cookbook.html#using-asyncio-with-alembic.
"""

from __future__ import annotations

_ENV = '''\
"""Runs migrations so that the database keeps either the old schema or the new one, wherever the process is killed.

For SQLite three things together make it so: the driver opens no transaction by itself (isolation_level None), one is
opened at once by BEGIN IMMEDIATE, and Alembic is told that DDL is transactional. Foreign keys are off before the BEGIN,
because a rebuilt table is dropped, and are checked before the COMMIT.
"""

{imports}
from alembic import context
from sqlalchemy import create_engine, event, pool, text
from sqlalchemy.engine import make_url
{more}
{models}

target_metadata = {metadata}
url = make_url(context.config.get_main_option("sqlalchemy.url") or {url})
if url.get_backend_name() == "sqlite":
    url = url.set(drivername="sqlite")


def migrate(connection):
    sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        render_as_batch=sqlite,
        transactional_ddl=True,{schemas}
    )
    with context.begin_transaction():
        context.run_migrations()
        if sqlite:
            broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
            if broken:
                raise RuntimeError(f"foreign keys are broken in {{sorted({{row[0] for row in broken}})}}")

{asynchronous}
engine = create_engine(url, poolclass=pool.NullPool)

if engine.dialect.name == "sqlite":

    @event.listens_for(engine, "connect")
    def _manual(connection, _):
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA foreign_keys = OFF")

    @event.listens_for(engine, "begin")
    def _begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")

{run}'''
_ASYNCHRONOUS = """
async def migrate_asynchronously():
    async with create_async_engine(url, poolclass=pool.NullPool).connect() as connection:
        await connection.run_sync(migrate)

"""
_RUN = """
with engine.connect() as connection:
    migrate(connection)
"""
_RUN_EITHER = """
if engine.dialect.is_async:
    asyncio.run(migrate_asynchronously())
else:
    with engine.connect() as connection:
        migrate(connection)
"""
_DOTENV = """
try:
    from dotenv import dotenv_values
except ImportError:  # then the environment alone says it

    def dotenv_values(_):
        return {}

"""


def environment(
    url: str,
    models: tuple[tuple[str, str], ...],
    modules: tuple[str, ...],
    *,
    asynchronous: bool = False,
    schemas: bool = False,
) -> str:
    """Return env.py. `url` is an expression; `models` are (module, expression), one for each MetaData.

    `asynchronous`: the app's driver is one that only an event loop can run; `schemas`: tables lie in several.
    """
    lines = [f"import {module}  # noqa: F401 - registers the tables" for module in modules]
    lines += [f"from {module} import {name.partition('.')[0]}" for module, name in models]
    metadata = [name for _, name in models]
    imports = [*(("asyncio",) if asynchronous else ()), "os", *(("sys",) if "sys." in url else ())]
    dotenv = "dotenv_values" in url
    more = "from sqlalchemy.ext.asyncio import create_async_engine\n" if asynchronous else ""
    return _ENV.format(
        imports="".join(f"import {each}\n" for each in imports),
        more=more + (_DOTENV if dotenv else ""),
        models="\n".join(lines),
        metadata=metadata[0] if len(metadata) == 1 else f"[{', '.join(metadata)}]",
        url=url,
        schemas="\n        include_schemas=True," if schemas else "",
        asynchronous=_ASYNCHRONOUS if asynchronous else "",
        run=_RUN_EITHER if asynchronous else _RUN,
    )
