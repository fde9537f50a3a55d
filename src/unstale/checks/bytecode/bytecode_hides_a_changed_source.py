"""PYC001."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.actions.files import MoveToTrash
from unstale.actions.restart import restarting
from unstale.check import check
from unstale.facts.app_processes import AppProcesses
from unstale.facts.bytecode import Bytecode, Compiled
from unstale.facts.code import LoadedCode
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Layer


@check(
    "PYC001", "bytecode hides a changed source", layer=Layer.BYTECODE, since="0.1", fix=MoveToTrash
)
def bytecode_hides_a_changed_source(
    bytecode: Bytecode, processes: AppProcesses | None, code: LoadedCode | None
) -> Iterator[Finding | Fresh | Unknown]:
    """A .pyc claims to match its source, so Python loads it, but the source says something else.

    What it proves
    The .pyc's header names the source's present time and size, yet the source compiles to other
    code.

    Why it matters
    Every start loads the old code; the edit has no effect and nothing says why.

    How it gets this way
    Two saves within one second with equal length (a .pyc keeps whole seconds), `rsync -t`, `cp -p`,
    `touch -r`.

    How it is seen
    Of the headers that match, those whose source's inode changed after the .pyc was written; these
    are compiled in memory by the project's own interpreter and compared as code objects.

    What is not flagged
    Another Python's .pyc, one that Python would rebuild by itself, sources that compile to equal
    code.

    Fix, risk and undo
    Move the .pyc to the trash; Python makes it again. Safe; undo puts it back. A server that loaded
    it is restarted.
    """
    hidden = [each for each in bytecode.suspects if each.verdict == "differs"]
    for each in bytecode.suspects:
        if each.verdict in ("unreadable", "foreign"):
            why = each.because or "its content is not this Python's bytecode"
            yield Unknown(
                each.pyc, f"it could not be compared with its source: {why}", f"ls -l {each.pyc}"
            )
    if processes is not None and code is not None:
        yield from _servers(bytecode, hidden, processes, code)
    for each in hidden:
        name = Path(each.source).name
        yield Finding(
            f"{name} in {Path(each.source).parent}",
            f"the bytecode of {name} has its time and size, but other code",
            want=bytecode.shows("the code that the source compiles to", each.source),
            have=bytecode.shows(
                "other code", f"{each.python} -m dis {each.source}; xxd -l 16 {each.pyc}"
            ),
            fix=MoveToTrash((each.pyc,)),
            paths=(each.source, each.pyc),
            explains=frozenset({f"bytecode:{each.source}"}),
        )
    if bytecode.checked and not hidden:
        proof = bytecode.shows(
            f"{bytecode.checked} headers match or will be rebuilt", "find . -name '*.pyc'"
        )
        yield Fresh(f"{bytecode.checked} .pyc files", proof, proof)


def _servers(
    bytecode: Bytecode, hidden: list[Compiled], processes: AppProcesses, code: LoadedCode
) -> Iterator[Finding]:
    """Yield a finding for each server that can have loaded hidden code: it needs a restart."""
    for process in processes.loading_code():
        loaded = code.of(process.pid)
        bad = [each for each in hidden if loaded is not None and each.source in loaded.files]
        if bad and process.role != "orphan":
            yield Finding(
                process.subject,
                f"it loads {Path(bad[0].source).name} from that bytecode",
                want=bytecode.shows("the code that the source compiles to", bad[0].source),
                have=bytecode.shows("other code", bad[0].pyc),
                fix=restarting(processes, process, code_only=True),
                pids=(process.pid,),
                touches=frozenset({f"bytecode:{bad[0].source}"}),
            )
