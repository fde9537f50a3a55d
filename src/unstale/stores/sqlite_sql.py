"""Reads SQLite's own schema text: tokens, and what no pragma tells (checks, collations, options).

https://sqlite.org/lang_createtable.html; names are compared without case, as SQLite does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\s+            # dropped
      |'(?:[^']|'')*'                     # a text
      |"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]   # a quoted name
      |[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*
      |\d[\w.]*|\|\||<<|>>|<=|>=|<>|!=|==|.""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_CONSTRAINTS = frozenset({"constraint", "primary", "unique", "check", "foreign"})


def tokens(sql: str) -> list[str]:
    """Return the words of a statement: names and keywords in lower case, texts as they are.

    >>> tokens('CREATE TABLE "Note" (id INTEGER)')
    ['create', 'table', 'note', '(', 'id', 'integer', ')']
    """
    found = (each[0] for each in _TOKEN.finditer(sql))
    return [_word(each) for each in found if not each.isspace() and each[:2] not in ("--", "/*")]


def normal(sql: str) -> str:
    """Return the statement in one spelling."""
    return " ".join(tokens(sql))


def checks(sql: str) -> list[tuple[str, str]]:
    """Return (name, expression) of each CHECK of a table, its columns' included."""
    found = []
    for part in _parts(tokens(sql)):
        for at, word in enumerate(part):
            if word == "check" and part[at + 1 : at + 2] == ["("]:
                name = part[at - 1] if at > 1 and part[at - 2] == "constraint" else ""
                found.append((name, " ".join(_inside(part, at + 1))))
    return found


def collations(sql: str) -> dict[str, str]:
    """Return the collation of each column that names one: {"email": "nocase"}."""
    return {
        part[0]: part[part.index("collate") + 1]
        for part in _parts(tokens(sql))
        if part[0] not in _CONSTRAINTS and "collate" in _flat(part)[:-1]
    }


def generated(sql: str) -> dict[str, str]:
    """Return the expression of each generated column."""
    found = {}
    for part in _parts(tokens(sql)):
        flat = [at for at, word in enumerate(part[:-1]) if word == "as" and part[at + 1] == "("]
        if part[0] not in _CONSTRAINTS and flat:
            found[part[0]] = " ".join(_inside(part, flat[0] + 1))
    return found


def options(sql: str) -> str:
    """Return what else the table says: "autoincrement strict without rowid", deferrable keys counted."""
    words = tokens(sql)
    parts = list(_parts(words))
    after = words[words.index("(") :] if "(" in words else []
    tail = after[len(_inside(after, 0)) + 2 :] if after else []
    inside = [word for part in parts for word in _flat(part)]
    deferred = inside.count("deferred")
    said = ["autoincrement"] if "autoincrement" in inside else []
    said += [word for word in ("strict", "without") if word in tail]
    return " ".join([*said, *([f"{deferred} deferred"] if deferred else [])])


def _word(token: str) -> str:
    if token[0] in '"`[':
        quote = "]" if token[0] == "[" else token[0]
        name = token[1:-1].replace(quote * 2, quote).lower()
        return name if _PLAIN.fullmatch(name) else f'"{name}"'
    return token if token[0] == "'" else token.lower()


def _parts(words: list[str]) -> Iterator[list[str]]:
    """Yield the column definitions and constraints of a CREATE TABLE."""
    if "(" not in words:
        return
    depth = 0
    part: list[str] = []
    for word in _inside(words, words.index("(")):
        depth += (word == "(") - (word == ")")
        if word == "," and not depth:
            yield part
            part = []
        else:
            part.append(word)
    if part:
        yield part


def _inside(words: list[str], at: int) -> list[str]:
    """Return what the parenthesis at that place encloses."""
    depth = 0
    for end, word in enumerate(words[at:], at):
        depth += (word == "(") - (word == ")")
        if not depth:
            return words[at + 1 : end]
    return words[at + 1 :]


def _flat(part: list[str]) -> list[str]:
    """Return the words outside of parentheses."""
    depth, found = 0, []
    for word in part:
        depth -= word == ")"
        if not depth:
            found.append(word)
        depth += word == "("
    return found
