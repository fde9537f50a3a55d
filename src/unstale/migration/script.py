"""What one migration script does, read from its syntax alone: operations, SQL, imports, where it commits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_BATCH = "batch_alter_table"
_EXECUTE = ("execute", "exec_driver_sql", "scalar", "scalars")
_COMMITS = ("commit", "autocommit_block")
UNKNOWN = "some_table"  # a table that only a variable names


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of alembic's `op`, or of a batch on `table`: https://alembic.sqlalchemy.org/en/latest/ops.html."""

    name: str
    table: str | None
    line: int
    call: ast.Call

    def keyword(self, name: str) -> ast.expr | None:
        """Return what is given by that name."""
        return next((each.value for each in self.call.keywords if each.arg == name), None)

    def given(self, name: str) -> object:
        """Return the constant given by that name, None where there is none."""
        value = self.keyword(name)
        return value.value if isinstance(value, ast.Constant) else None

    @property
    def words(self) -> tuple[str, ...]:
        """Return the constant strings given by position, the table's name left out."""
        words = tuple(_words(self.call.args))
        return words[1:] if words[:1] == (self.table,) and not self.batched else words

    @property
    def batched(self) -> bool:
        """Return whether it is a batch's, so that the table is not among its arguments."""
        function = self.call.func
        return isinstance(function, ast.Attribute) and getattr(function.value, "id", "op") != "op"


@dataclass(frozen=True, slots=True)
class Text:
    """One SQL text, or for SQLAlchemy's own update() and delete() the verb and what it sets."""

    sql: str
    line: int


@dataclass(frozen=True, slots=True)
class Script:
    """One revision. `message` is the first line of its docstring, `reverse`: its downgrade does something."""

    revision: str
    path: str
    message: str
    operations: tuple[Operation, ...]
    texts: tuple[Text, ...]
    imports: tuple[tuple[str, int], ...]
    commits: tuple[int, ...]
    reverse: bool


def script_of(revision: str, path: str, source: bytes) -> Script:
    """Return what the script does. Raises SyntaxError, ValueError."""
    module = ast.parse(source)
    functions = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    upgrade = functions.get("upgrade")
    calls = [each for each in ast.walk(upgrade) if isinstance(each, ast.Call)] if upgrade else []
    batches = dict(_batches(upgrade)) if upgrade else {}
    downgrade = functions.get("downgrade")
    said = (ast.get_docstring(module) or "").strip().splitlines()
    return Script(
        revision=revision,
        path=path,
        message=said[0] if said else "",
        operations=tuple(sorted(_operations(calls, batches), key=lambda each: each.line)),
        texts=tuple(sorted(_texts(calls), key=lambda each: each.line)),
        imports=tuple(_imports(module)),
        commits=tuple(sorted({each.lineno for each in calls if _named(each) in _COMMITS})),
        reverse=downgrade is not None and any(map(_does, downgrade.body)),
    )


def _batches(upgrade: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for node in ast.walk(upgrade):
        for item in node.items if isinstance(node, ast.With) else ():
            call, name = item.context_expr, item.optional_vars
            if isinstance(call, ast.Call) and _named(call) == _BATCH and isinstance(name, ast.Name):
                yield name.id, next(_words(call.args), "")


def _operations(calls: list[ast.Call], batches: dict[str, str]) -> Iterator[Operation]:
    for call in calls:
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if not isinstance(owner, ast.Name) or _named(call) in (*_EXECUTE, *_COMMITS):
            continue
        if owner.id in batches:
            yield Operation(_named(call), batches[owner.id], call.lineno, call)
        elif owner.id == "op":
            words = tuple(_words(call.args))
            named = _named(call) in _NAME_FIRST
            table = words[1] if named and len(words) > 1 else next(iter(words), None)
            yield Operation(_named(call), table, call.lineno, call)


_NAME_FIRST = (
    "create_index",
    "create_foreign_key",
    "create_unique_constraint",
    "create_check_constraint",
    "create_primary_key",
    "drop_constraint",
    "drop_index",
)


def _texts(calls: list[ast.Call]) -> Iterator[Text]:
    for call in calls:
        if _named(call) in _EXECUTE and call.args:
            yield from (Text(sql, call.lineno) for sql in _sql(call.args[0]))


def _sql(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.Call):
        names = {_named(each): each for each in ast.walk(value) if isinstance(each, ast.Call)}
        if "text" in names:
            yield from _words(names["text"].args)
        for verb in ("update", "delete"):
            if verb in names and not names.keys() & {"where", "filter", "filter_by"}:
                sets = names["values"].keywords if "values" in names else []
                columns = ", ".join(f"{each.arg} = ?" for each in sets if each.arg)
                named = names.get("table") or names.get("Table")
                table = next(iter(_words(named.args if named else [])), UNKNOWN)
                yield (
                    f"UPDATE {table} SET {columns or '? = ?'}"
                    if verb == "update"
                    else f"DELETE FROM {table}"
                )


def _words(values: list[ast.expr]) -> Iterator[str]:
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def _named(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _imports(module: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


def _does(node: ast.stmt) -> bool:
    silent = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return not silent and not isinstance(node, ast.Pass | ast.Raise)
