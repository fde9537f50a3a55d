"""The .pyc that a process loaded, and how it compares with its source now."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from unstale.errors import Unavailable
from unstale.facts.app_process import AppProcess
from unstale.host import Host

MARGIN = 2.0
"""Seconds after its start in which a process may still have been importing."""

LARGEST = 2_000_000
"""Bytes of source that are parsed: a dense literal takes 250 times its size in memory."""

_COMPARE = Path(__file__).parent.parent / "guard" / "bytecode.py"


def loaded_pyc(host: Host, path: str, started: datetime) -> str | None:
    """Return the .pyc that the process imported the source from or wrote then: the youngest that is no younger."""
    place = Path(path)
    found: list[tuple[int, str]] = []
    with suppress(OSError):
        for name in host.names(str(place.parent / "__pycache__")):
            if name.startswith(f"{place.stem}.cpython-") and name.count(".") == 2:  # noqa: PLR2004 - no opt-, no pytest tag
                pyc = str(place.parent / "__pycache__" / name)
                seen = host.stat(pyc)
                if seen and seen.mtime_ns / 1e9 <= started.timestamp() + MARGIN:
                    found.append((seen.mtime_ns, pyc))
    return max(found)[1] if found else None


def header_of(host: Host, pyc: str) -> tuple[int, int] | None:
    """Return (mtime in seconds, size) of the source as the .pyc records them; None for a hash-based one (PEP 552)."""
    head = host.read(pyc, 16)
    if len(head) < 16 or head[4:8] != bytes(4):  # noqa: PLR2004 - the header's length
        return None
    return int.from_bytes(head[8:12], "little"), int.from_bytes(head[12:16], "little")


def interpreter(process: AppProcess) -> str:
    """Return the Python that runs the process: its environment's, else the executable itself."""
    return f"{process.prefix}/bin/python" if process.prefix else f"/proc/{process.pid}/exe"


def compared(host: Host, python: str, pairs: tuple[tuple[str, str], ...]) -> list[str]:
    """Compare (source, pyc) pairs in that interpreter; see guard/bytecode.py for the words. Raises Unavailable."""
    asked = json.dumps([{"source": source, "pyc": pyc} for source, pyc in pairs])
    done = host.run((python, "-I", "-S", "-B", str(_COMPARE)), stdin=asked, timeout=20.0)
    if done.code != 0:
        why = (done.err.strip().splitlines() or [f"exit {done.code}"])[-1]
        raise Unavailable(what=f"{python} cannot compare bytecode", why=why, next=f"{python} -V")
    return [str(word) for word in json.loads(done.out)]
