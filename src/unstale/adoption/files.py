"""The files that adoption writes: alembic's configuration where there is none, and the revisions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.adoption.mend import Mend

INI = """\
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = %(here)s
path_separator = os

[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = WARNING
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(levelname)s %(name)s %(message)s
"""
MAKO = '''\
"""${message}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''
_MEND = '''\
"""Take a database that create_all made to the models. One that is not as it was then is left alone."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{baseline}"
branch_labels = None
depends_on = None

# Per table: what its SQL was (None: it was missing; "": any), and the statements.
TABLES = {tables}


def upgrade():
    connection = op.get_bind()
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise RuntimeError("foreign keys must be off before this begins: PRAGMA foreign_keys = OFF")
    for name, was, statements in TABLES:
        if was == "" or was == _now(connection, name):
            for each in statements:
                connection.execute(sa.text(each.replace(":", r"\\:")))


def _now(connection, name):
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)"
    return connection.exec_driver_sql(query, (name,)).scalar()


def downgrade():
    """Leave it as it is: what the models ask for did not change."""
'''


def mending(revision: str, baseline: str, mends: tuple[Mend, ...]) -> str:
    """Return the revision that mends."""
    rows = "".join(_row(each) for each in mends)
    return _MEND.format(revision=revision, baseline=baseline, tables=f"(\n{rows})")


def _row(each: Mend) -> str:
    statements = "".join(f"            {one!r},\n" for one in each.statements)
    return f"    (\n        {each.table!r},\n        {each.was!r},\n        (\n{statements}        ),\n    ),\n"


def new_files(
    place: Path, versions: Path | None, env: str, revisions: tuple[tuple[str, str], ...]
) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of each file to write; the configuration only where there is no history yet."""
    if versions is None:
        yield str(place / "alembic.ini"), INI
        yield str(place / "alembic/env.py"), env
        yield str(place / "alembic/script.py.mako"), MAKO
    for name, text in revisions:
        yield str((versions or place / "alembic/versions") / name), text
