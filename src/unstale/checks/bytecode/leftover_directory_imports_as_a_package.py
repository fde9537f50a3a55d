"""PYC004."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.actions.files import MoveToTrash
from unstale.check import check
from unstale.facts.bytecode import Bytecode
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity


@check(
    "PYC004",
    "a leftover directory imports as an empty package",
    layer=Layer.BYTECODE,
    since="0.1",
    fix=MoveToTrash,
)
def leftover_directory_imports_as_a_package(bytecode: Bytecode) -> Iterator[Finding | Fresh]:
    """A package was deleted, its directory was not: importing it succeeds and gives nothing.

    What it proves
    A directory of the back end holds only __pycache__, so Python makes a namespace package of it
    (PEP 420).

    Why it matters
    `try: import plugin` takes the wrong branch; a moved package is found at its old place, empty.

    How it gets this way
    git removes a package's files and leaves the directory, because ignored bytecode is in it.

    How it is seen
    The directory's listing, and the import statements of the sources.

    What is not flagged
    Directories with any other file; migrations, static files, templates, tests. A name that no
    source imports, or that a real module has (it wins, wherever it stands on the path), is a risk,
    not stale.

    Fix, risk and undo
    Move the directory to the trash. Safe; undo puts it back.
    """
    for orphan in bytecode.orphans:
        name = orphan.name
        by = f"{orphan.importers[0]} imports it" if orphan.importers else "no source needs it now"
        yield Finding(
            f"directory {orphan.path}",
            f"only bytecode is left in {name}, which still imports as a package; {by}",
            want=bytecode.shows("no such package", f"ls {orphan.path}/*.py"),
            have=bytecode.shows("only __pycache__", f"find {orphan.path}"),
            fix=MoveToTrash((orphan.path,)),
            severity=Severity.STALE if orphan.importers else Severity.RISK,
            paths=(orphan.path,),
        )
    for root in bytecode.backends:
        if not any(orphan.path.startswith(f"{root}/") for orphan in bytecode.orphans):
            proof = bytecode.shows(
                "every package holds more than bytecode", f"find {root} -name __pycache__"
            )
            yield Fresh(f"packages of {root}", proof, proof)
