"""PostgreSQL's own words for an expression, in the one form that a dump and a restore leave alone.

The server writes kind IN ('a', 'b') back as ANY ((ARRAY['a'::character varying, …])::text[]); read in again, it writes
ANY (ARRAY[('a'::character varying)::text, …]). Casts between texts and parentheses round one word are left out.
"""

from __future__ import annotations

import re

from unstale.store import Piece

_EXPRESSIONS = frozenset({"check", "column", "index", "policy", "table", "view"})
_CAST = re.compile(r"::(?:character varying|text|bpchar)(?:\(\d+\))?(?:\[\])?")
_LONE = re.compile(r"(?<![\w\"])\((\w+|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")\)")
_TWICE = re.compile(r"\((\((?:[^()])*\))\)")


def normal(piece: Piece) -> Piece:
    """Return the piece in the form that two databases of one schema share.

    >>> normal(Piece("note", "check", "k", "CHECK (((kind)::text = ANY ((ARRAY['a'::text])::text[])))")).definition
    "CHECK (kind = ANY (ARRAY['a']))"
    """
    if piece.kind not in _EXPRESSIONS:
        return piece
    kind, found, rest = (
        piece.definition.partition(" DEFAULT ")
        if piece.kind == "column"
        else ("", "", piece.definition)
    )
    text, before = _CAST.sub("", rest), ""
    while text != before:
        before = text
        text = _TWICE.sub(r"\1", _LONE.sub(r"\1", text))
    return piece._replace(definition=f"{kind}{found}{text}")
