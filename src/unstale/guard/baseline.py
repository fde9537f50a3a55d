"""Writes the first alembic revision of what imported models declare. Run by import_guard.py, Python 3.9 or later.

Alembic renders the operations and runs what it rendered in its offline mode, so that no database is needed:
https://alembic.sqlalchemy.org/en/latest/offline.html. The answer: {"alembic": its version or null, "code": the script,
"sql": [its statements], "schemas": whether tables lie in several} and what declarers.py says.
"""

from __future__ import annotations

import ast
import gc
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

_VIRTUAL = 18  # https://www.postgresql.org/docs/18/ddl-generated-columns.html
_SCRIPT = '''\
"""What create_all made: the tables of the models."""

import sqlalchemy as sa
from alembic import op
{imports}
revision = "{revision}"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''


def baseline(
    dialect: str, server: int, revision: str, declarers: dict[str, Callable[..., Any]]
) -> dict[str, Any]:
    """Return the revision for a database of this dialect; `server` is PostgreSQL's major version."""
    try:
        alembic = importlib.import_module("alembic")
    except ImportError:
        return {"alembic": None}
    importlib.import_module("alembic.autogenerate")
    gc.unfreeze()
    metadatas = declarers["metadatas"]()
    declared = [table for each in metadatas for table in each.tables.values()]
    tables, late = _ordered(declared, dialect)
    code = _script(tables, late, dialect, revision)
    return {
        "alembic": alembic.__version__,
        "code": code,
        "sql": _statements(code, dialect, server),
        "schemas": any(each.schema for each in tables),
        **declarers["named"](metadatas, tables),
    }


def _ordered(tables: list[Any], dialect: str) -> tuple[list[Any], list[Any]]:
    """Return the tables, those referred to first, and the foreign keys that only a later ALTER can make.

    SQLite needs none of these: it takes a reference to a table that comes later.
    """
    once = {(table.schema or "", table.name): table for table in tables}
    sort = importlib.import_module("sqlalchemy.sql.ddl").sort_tables_and_constraints
    found = list(sort(list(once.values())))
    late = [key for table, keys in found if table is None for key in keys]
    return [table for table, _ in found if table is not None], late if dialect != "sqlite" else []


def _script(tables: list[Any], late: list[Any], dialect: str, revision: str) -> str:
    ops = importlib.import_module("alembic.operations.ops")
    made = [_created(ops, each, late) for each in tables]
    made += [
        ops.CreateIndexOp.from_index(index)
        for each in tables
        for index in sorted(each.indexes, key=lambda index: str(index.name))
    ]
    made += [_referring(ops, each) for each in late]
    upgrade = _rendered(ops.UpgradeOps(made), dialect)
    downgrade = _rendered(ops.DowngradeOps([each.reverse() for each in reversed(made)]), dialect)
    if dialect == "postgresql":
        schemas = sorted({each.schema for each in tables if each.schema})
        before = [f'CREATE SCHEMA IF NOT EXISTS "{each}"' for each in schemas]
        after = [f"DROP {each}" for each in _types(tables)]
        upgrade = "\n    ".join([*(f"op.execute({each!r})" for each in before), upgrade])
        downgrade = "\n    ".join([downgrade, *(f"op.execute({each!r})" for each in after)])
    said = {"revision": revision, "upgrade": upgrade, "downgrade": downgrade}
    imports = _imports(_SCRIPT.format(imports="", **said))
    return _SCRIPT.format(imports="".join(f"{each}\n" for each in imports), **said)


def _created(ops: Any, table: Any, late: list[Any]) -> Any:
    made = ops.CreateTableOp.from_table(table)
    later = {id(each) for each in late}
    made.columns = [each for each in made.columns if id(each) not in later]
    return made


def _referring(ops: Any, key: Any) -> Any:
    """Return the operation that makes a foreign key, under the name that PostgreSQL would give it."""
    made = ops.CreateForeignKeyOp.from_constraint(key)
    made.kw.pop("use_alter", None)
    made.constraint_name = made.constraint_name or "_".join(
        [key.parent.name, *key.column_keys, "fkey"]
    )
    return made


def _types(tables: list[Any]) -> list[str]:
    """Return the types that creating the tables creates too; dropping a table by its name leaves them."""
    kinds = [getattr(each.type, "item_type", each.type) for one in tables for each in one.columns]
    own = [
        each for each in kinds if getattr(each, "create_type", True) and getattr(each, "name", "")
    ]
    enums = [each for each in own if hasattr(each, "enums") and getattr(each, "native_enum", True)]
    domains = [each for each in own if getattr(each, "__visit_name__", "") == "DOMAIN"]
    return sorted(
        {f"TYPE {_quoted(each)}" for each in enums}
        | {f"DOMAIN {_quoted(each)}" for each in domains}
    )


def _quoted(kind: Any) -> str:
    return ".".join(f'"{name}"' for name in (kind.schema, kind.name) if name)


def _rendered(container: Any, dialect: str) -> str:
    render = importlib.import_module("alembic.autogenerate").render_python_code
    given = {"migration_context": _context(dialect)}
    if "migration_context" not in inspect.signature(render).parameters:
        given = {}
    text = str(render(container, **given))
    return "\n".join(line for line in text.splitlines() if "###" not in line).strip()


def _context(dialect: str, told: list[str] | None = None) -> Any:
    """Return a context without a connection; with `told` one that writes its statements there."""
    migration = importlib.import_module("alembic.runtime.migration")
    opts = {} if told is None else {"as_sql": True}
    plain = {"paramstyle": "named"}  # others double each "%"
    context = migration.MigrationContext.configure(
        dialect_name=dialect, dialect_opts=plain, opts=opts
    )
    if told is not None:
        context.impl.static_output = told.append
    return context


def _imports(code: str) -> list[str]:
    """Return the imports of what the code names: alembic renders sqlmodel.sql.sqltypes.AutoString() alone."""
    chains = {_chain(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute)}
    modules = {_module(each) for each in chains if each and each[0] not in ("sa", "op")}
    deepest = {
        each for each in modules if not any(other.startswith(f"{each}.") for other in modules)
    }
    return sorted(deepest - {""})


def _chain(node: ast.Attribute) -> tuple[str, ...]:
    """Return a dotted name in parts, nothing for an attribute of anything else."""
    names = [node.attr]
    inner: ast.expr = node.value
    while isinstance(inner, ast.Attribute):
        names.insert(0, inner.attr)
        inner = inner.value
    return (inner.id, *names) if isinstance(inner, ast.Name) else ()


def _module(names: tuple[str, ...]) -> str:
    """Return the import of the longest start of a dotted name that is a module."""
    for end in range(len(names), 0, -1):
        name = ".".join(names[:end])
        if name in sys.modules:
            return f"import {name}"
    if f"sqlalchemy.dialects.{names[0]}" in sys.modules:  # alembic writes postgresql.JSONB()
        return f"from sqlalchemy.dialects import {names[0]}"
    return ""


def _statements(code: str, dialect: str, server: int) -> list[str]:
    told: list[str] = []
    context = _context(dialect, told)
    context.dialect.supports_virtual_generated_columns = server >= _VIRTUAL
    operations = importlib.import_module("alembic.operations").Operations
    space: dict[str, Any] = {"__name__": "baseline"}
    with operations.context(context):
        exec(compile(code, "baseline.py", "exec"), space)
        space["upgrade"]()
    return [each.strip().rstrip(";").strip() for each in told if each.strip().strip(";")]
