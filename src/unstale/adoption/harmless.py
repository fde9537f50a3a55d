"""Which differences may stay, and why; whatever is not proven harmless here is real."""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstale.store import Schema

_STAYS = "it stays; alembic's autogenerate will offer to drop it"
_UNDECLARED = {
    "view": "models declare no views, so nothing of theirs uses it; it stays",
    "trigger": "models declare no triggers; it stays and works on",
    "function": "models declare no functions; it stays",
    "sequence": "no model counts by it; it stays",
    "type": "no column of a model has this type; it stays",
    "domain": "no column of a model has this type; it stays",
    "policy": "models declare no policies; it stays and works on",
}
_COLUMN = re.compile(
    r"(?P<type>.*?)(?P<required> NOT NULL)?(?: DEFAULT (?P<default>.*?))?(?: COLLATE (?P<collation>\S+))?$"
)


@dataclass(frozen=True, slots=True)
class Sides:
    """One difference as both sides define it, the other pieces of its table, and the kind of store."""

    kind: str
    name: str
    want: str | None
    have: str | None
    wanted: Schema
    found: Schema
    store: str


def reason(each: Sides) -> str:
    """Return why the difference is harmless, or nothing."""
    if each.want is None and each.have is not None:
        return _extra(each)
    if each.want is None or each.have is None:
        return ""
    if each.kind == "type":
        missing = set(_labels(each.want)) - set(_labels(each.have))
        return "" if missing else "the models never write the values that it has besides"
    if each.kind == "column" and each.store == "sqlite":
        return _same_to_sqlite(each, each.want, each.have)
    return ""


def _extra(each: Sides) -> str:
    """Return why something that is in no model may stay."""
    have = str(each.have)
    rules = {
        "table": lambda: f"no model uses it, and its rows stay as they are; {_STAYS}",
        "index": lambda: _extra_index(have, each.wanted),
        "unique": lambda: _unique_anyway(have, each.wanted),
        "column": lambda: _extra_column(have),
    }
    return _UNDECLARED.get(each.kind) or rules.get(each.kind, str)()


def _extra_index(have: str, want: Schema) -> str:
    if "unique" not in have.lower().split()[:2]:
        return f"an index refuses no row and changes no answer; {_STAYS}"
    columns = have.rpartition("(")[2].rstrip(" )")
    return "" if " where " in have.lower() else _unique_anyway(columns.replace(" , ", ", "), want)


def _unique_anyway(columns: str, want: Schema) -> str:
    """Return why uniqueness of these columns is nothing new: the models ask for it by other means."""
    keys = {each.definition for each in want if each.kind in ("unique", "primary key")}
    keys |= {
        each.definition.rpartition("(")[2].rstrip(" )").replace(" , ", ", ")
        for each in want
        if each.kind == "index" and each.definition.lower().startswith("create unique")
    }
    return (
        f"the models ask for unique values of ({columns}) by other means; {_STAYS}"
        if columns in keys
        else ""
    )


def _extra_column(have: str) -> str:
    said = _COLUMN.fullmatch(have)
    if said is None or (said["required"] and said["default"] is None and " IDENTITY" not in have):
        return ""  # an insert that does not name it fails
    return f"rows that do not name it are accepted, and its values stay; {_STAYS}"


def _same_to_sqlite(each: Sides, want: str, have: str) -> str:
    """Return why SQLite stores and compares both alike: the affinity of the types is the same, all else equal.

    https://sqlite.org/datatype3.html#determination_of_column_affinity. A lone key of the type INTEGER is the row's
    number, which no other spelling makes it.
    """
    one, other = _COLUMN.fullmatch(want), _COLUMN.fullmatch(have)
    if one is None or other is None or "GENERATED" in want + have or _strict(each):
        return ""
    types = one["type"], other["type"]
    same = affinity(types[0]) == affinity(types[1]) and one["collation"] == other["collation"]
    if not same or (types[0] != types[1] and _lone_key(each)):
        return ""
    if _bare(one["default"]) != _bare(other["default"]):
        return ""
    if one["required"] != other["required"]:
        number = types[0] == "INTEGER" and _lone_key(each)
        return "an INTEGER primary key is never NULL in SQLite" if number else ""
    if types[0] == types[1]:
        return "both defaults are the same value"
    alike = f"SQLite stores {types[0]} and {types[1]} alike (affinity {affinity(types[0])})"
    return f"{alike} and enforces no length; alembic's autogenerate will offer to change it"


def _strict(each: Sides) -> bool:
    pieces = (*each.wanted, *each.found)
    return any(piece.kind == "table" and "strict" in piece.definition for piece in pieces)


def _lone_key(each: Sides) -> bool:
    """Return whether the column alone is the primary key, on either side."""
    pieces = (*each.wanted, *each.found)
    return any(piece.kind == "primary key" and piece.definition == each.name for piece in pieces)


def affinity(name: str) -> str:
    """Return SQLite's affinity of a declared type."""
    name = name.upper()
    if "INT" in name:
        return "INTEGER"
    if any(word in name for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in name or not name:
        return "BLOB"
    return "REAL" if any(word in name for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def _bare(default: str | None) -> str | None:
    """Return the default without the parentheses and quotes that do not change it."""
    if default is None or default.upper() == "NULL":
        return None
    while default.startswith("( ") and default.endswith(" )"):
        default = default[2:-2]
    return default


def _labels(definition: str) -> list[str]:
    return re.findall(r"'(?:[^']|'')*'", definition)
