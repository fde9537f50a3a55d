"""Is the database's schema what the code needs? By Alembic's heads and by the models' columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

from unstale_health.core import CURRENT, OUTDATED

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData


def schema_probe(
    engine: Engine, *, metadata: Optional[MetaData] = None, alembic_ini: Optional[str] = None
) -> Callable[[], str]:
    """Return a probe for DatabaseHealth. Reads only; the script directory is read once, at the first call."""
    heads: list[frozenset[str]] = []

    def probe() -> str:
        if alembic_ini is not None and not heads:
            heads.append(_heads(alembic_ini))
        with engine.connect() as connection:
            if heads and _applied(connection) != heads[0]:
                return OUTDATED
            if metadata is not None and _lacking(connection, metadata):
                return OUTDATED
        return CURRENT

    return probe


def _heads(alembic_ini: str) -> frozenset[str]:
    from alembic.config import Config  # noqa: PLC0415 - alembic is the app's, and optional
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config(alembic_ini)
    location = config.get_main_option("script_location") or "alembic"
    config.set_main_option("script_location", str(Path(alembic_ini).parent / location))
    return frozenset(ScriptDirectory.from_config(config).get_heads())


def _applied(connection: Connection) -> frozenset[str]:
    from alembic.migration import MigrationContext  # noqa: PLC0415 - alembic is the app's, and optional

    return frozenset(MigrationContext.configure(connection).get_current_heads())


def _lacking(connection: Connection, metadata: MetaData) -> bool:
    """Return whether a table or column of the models is not in the database."""
    from sqlalchemy import inspect  # noqa: PLC0415 - SQLAlchemy is the app's

    inspector: Any = inspect(connection)
    present = set(inspector.get_table_names())
    for table in metadata.tables.values():
        if table.schema is not None:
            continue
        if table.name not in present:
            return True
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        if not {column.name for column in table.columns} <= columns:
            return True
    return False
