"""PYC003."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.actions.files import MoveToTrash
from unstale.check import check
from unstale.facts.bytecode import Bytecode
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "PYC003",
    "bytecode outlives its deleted source",
    layer=Layer.BYTECODE,
    since="0.1",
    fix=MoveToTrash,
)
def bytecode_outlives_its_source(bytecode: Bytecode) -> Iterator[Finding | Fresh]:
    """A .pyc beside a deleted source is still imported.

    What it proves
    A .pyc outside __pycache__ has no source beside it and the magic number of the project's Python,
    which loads it.

    Why it matters
    A module that was deleted still imports; a migration or plug-in that was removed still runs.

    How it gets this way
    `compileall -b`, or files of a very old Python, and then `git rm` of the source, which leaves
    the .pyc.

    How it is seen
    The file, its missing source and the first two bytes of the .pyc.

    What is not flagged
    `__pycache__/x.cpython-311.pyc` without a source: Python never imports it. Another Python's
    magic number. A .pyc that git tracks, or whose directory holds no source at all: somebody ships
    it so. Names that no import can have.

    Fix, risk and undo
    Move it to the trash. Safe; undo puts it back.
    """
    for path in bytecode.sourceless:
        source = path[:-1]
        yield Finding(
            f"{Path(path).name} in {Path(path).parent}",
            f"{Path(source).name} was deleted, and Python still imports its bytecode",
            want=bytecode.shows("no such module", f"ls {source}"),
            have=bytecode.shows("a module that imports", f"xxd -l 16 {path}"),
            fix=MoveToTrash((path,)),
            paths=(path,),
        )
    for root in bytecode.backends:
        if not any(path.startswith(f"{root}/") for path in bytecode.sourceless):
            proof = bytecode.shows(
                "every .pyc that imports has its source", f"find {root} -name '*.pyc'"
            )
            yield Fresh(f"modules of {root}", proof, proof)
