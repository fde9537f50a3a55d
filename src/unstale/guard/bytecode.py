"""Compares .pyc files with what their sources compile to now, in the interpreter that would load them.

Stand-alone, Python 3.9 or later, standard library only; reads, never writes and never runs what it reads.
stdin: JSON [{"source": PATH, "pyc": PATH}, ...]
stdout: JSON list, one word each: "same", "layout" (equal but for line numbers), "differs", "foreign" (another
Python's magic number, PEP 552), "unreadable".

Code objects are compared, not bytes: re-marshalled bytes differ for equal code.
"""

import importlib.util
import json
import marshal
import sys
import types


def judge(source, pyc):
    try:
        with open(pyc, "rb") as file:
            raw = file.read()
        with open(source, "rb") as file:
            text = file.read()
        if raw[:4] != importlib.util.MAGIC_NUMBER:
            return "foreign"
        then = marshal.loads(raw[16:])
    except (OSError, ValueError, EOFError, TypeError):
        return "unreadable"
    try:
        now = compile(text, then.co_filename, "exec", dont_inherit=True, optimize=_level(pyc))
    except (SyntaxError, ValueError):
        return "differs"
    if then == now:
        return "same"
    return "layout" if _shape(then) == _shape(now) else "differs"


def _level(pyc):
    """Return the optimisation level in the file's name (PEP 488)."""
    for level in (1, 2):
        if pyc.endswith(".opt-%d.pyc" % level):
            return level
    return 0


def _shape(code):
    """Return what the code does, without where it stands."""
    constants = tuple(
        _shape(each) if isinstance(each, types.CodeType) else (type(each).__name__, repr(each))
        for each in code.co_consts
    )
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_flags)


if __name__ == "__main__":
    json.dump([judge(each["source"], each["pyc"]) for each in json.load(sys.stdin)], sys.stdout)
