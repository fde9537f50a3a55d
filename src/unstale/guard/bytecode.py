"""Compares .pyc files with what their sources compile to, in the Python that would load them.

Stand-alone, Python 3.9 or later, standard library only; reads, never writes or runs what it reads.
stdin: JSON [{"source": PATH, "pyc": PATH}, ...]
stdout: JSON list, one word each: "same", "layout" (equal but for line numbers), "differs",
"foreign" (another Python's magic number, PEP 552), "unreadable".

Code objects are compared, not bytes: re-marshalled bytes differ for equal code.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import sys
import types
import warnings

LARGEST = 2_000_000  # bytes; dense source takes 250 times its size to compile


def judge(source: str, pyc: str) -> str:
    """Return the word for one pair."""
    try:
        with open(pyc, "rb") as file:
            raw = file.read()
        with open(source, "rb") as file:
            text = file.read()
        if len(text) > LARGEST:
            return "unreadable"
        if raw[:4] != importlib.util.MAGIC_NUMBER:
            return "foreign"
        then = marshal.loads(raw[16:])
    except (OSError, ValueError, EOFError, TypeError):
        return "unreadable"
    return _compared(then, text, pyc) if isinstance(then, types.CodeType) else "unreadable"


def _compared(then: types.CodeType, text: bytes, pyc: str) -> str:
    try:
        now = compile(text, then.co_filename, "exec", dont_inherit=True, optimize=_level(pyc))
    except (SyntaxError, ValueError):
        return "differs"
    except (RecursionError, MemoryError, OverflowError):
        return "unreadable"
    if then == now:
        return "same"
    return "layout" if _shape(then) == _shape(now) else "differs"


def _level(pyc: str) -> int:
    """Return the optimisation level in the file's name (PEP 488)."""
    return next((level for level in (1, 2) if pyc.endswith(f".opt-{level}.pyc")), 0)


def _shape(code: types.CodeType) -> tuple[object, ...]:
    """Return what the code does, without where it stands."""
    constants = tuple(_constant(each) for each in code.co_consts)
    names = (code.co_names, code.co_varnames, code.co_freevars)
    return (code.co_code, constants, names, code.co_flags)


def _constant(value: object) -> object:
    """Return what tells 1 from True and 0.0 from -0.0, whatever the order of a set."""
    if isinstance(value, types.CodeType):
        return _shape(value)
    if isinstance(value, frozenset):
        return ("frozenset", sorted(repr(_constant(each)) for each in value))
    if isinstance(value, tuple):
        return ("tuple", [_constant(each) for each in value])
    return (type(value).__name__, repr(value))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asked = json.loads(sys.stdin.buffer.read().decode("utf-8", "surrogateescape"))
    json.dump([judge(each["source"], each["pyc"]) for each in asked], sys.stdout)
