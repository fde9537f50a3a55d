"""Writes the first alembic revision of what imported models declare. Run by import_guard.py, Python 3.9 or later.

Alembic renders the operations and runs what it rendered in its offline mode, so that no database is needed:
https://alembic.sqlalchemy.org/en/latest/offline.html. The answer: {"alembic": its version or null, "code": the script,
"sql": [its statements], "models": [[module, class] of a mapped class for each MetaData], "modules": [all that map]}.
"""

from __future__ import annotations

import ast
import gc
import importlib
import inspect
import sys
from typing import Any

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


def baseline(dialect: str, revision: str) -> dict[str, Any]:
    """Return the revision for a database of this dialect."""
    try:
        alembic = importlib.import_module("alembic")
    except ImportError:
        return {"alembic": None}
    importlib.import_module("alembic.autogenerate")
    gc.unfreeze()
    metadatas = _metadatas()
    tables = _sorted([table for each in metadatas for table in each.tables.values()])
    code = _script(tables, dialect, revision)
    mapped = _mapped()
    return {
        "alembic": alembic.__version__,
        "code": code,
        "sql": _statements(code, dialect),
        "models": [_first(each, mapped) for each in metadatas],
        "modules": sorted({kind.__module__ for kind in mapped}),
    }


def _metadatas() -> list[Any]:
    """Return the project's own MetaData that declare tables, as declarations.py tells them."""
    kind = sys.modules["sqlalchemy"].MetaData
    own = {
        id(each)
        for name, module in list(sys.modules.items())
        if name.startswith("sqlalchemy.")
        for each in list(getattr(module, "__dict__", {}).values())
        if issubclass(type(each), kind)
    }
    found = [each for each in gc.get_objects() if issubclass(type(each), kind)]
    return [each for each in found if id(each) not in own and each.tables]


def _sorted(tables: list[Any]) -> list[Any]:
    once = {(table.schema or "", table.name): table for table in tables}
    return list(importlib.import_module("sqlalchemy.sql.ddl").sort_tables(list(once.values())))


def _mapped() -> list[Any]:
    found = [
        each
        for each in gc.get_objects()
        if issubclass(type(each), type) and "__table__" in vars(each)
    ]
    return sorted(found, key=lambda each: (each.__module__, each.__qualname__))


def _first(metadata: Any, mapped: list[Any]) -> list[str]:
    for each in mapped:
        if getattr(each, "metadata", None) is metadata:
            return [each.__module__, each.__qualname__]
    return []


def _script(tables: list[Any], dialect: str, revision: str) -> str:
    ops = importlib.import_module("alembic.operations.ops")
    made = [ops.CreateTableOp.from_table(each) for each in tables]
    made += [
        ops.CreateIndexOp.from_index(index)
        for each in tables
        for index in sorted(each.indexes, key=lambda index: str(index.name))
    ]
    upgrade = _rendered(ops.UpgradeOps(made), dialect)
    downgrade = _rendered(ops.DowngradeOps([each.reverse() for each in reversed(made)]), dialect)
    said = {"revision": revision, "upgrade": upgrade, "downgrade": downgrade}
    imports = _imports(_SCRIPT.format(imports="", **said))
    return _SCRIPT.format(imports="".join(f"{each}\n" for each in imports), **said)


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
    context = migration.MigrationContext.configure(dialect_name=dialect, opts=opts)
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


def _statements(code: str, dialect: str) -> list[str]:
    told: list[str] = []
    context = _context(dialect, told)
    operations = importlib.import_module("alembic.operations").Operations
    space: dict[str, Any] = {"__name__": "baseline"}
    with operations.context(context):
        exec(compile(code, "baseline.py", "exec"), space)
        space["upgrade"]()
    return [each.strip().rstrip(";").strip() for each in told if each.strip().strip(";")]
