"""Who keeps a process running, and whether whoever started it is gone."""

from __future__ import annotations

import re

from unstale.fact import Facts
from unstale.facts.commands import supervises, wraps
from unstale.facts.environ import environ_of
from unstale.facts.files import text_of
from unstale.facts.processes import Process, ProcessTable

_WRAPPER_MARKS = frozenset(
    {"npm_lifecycle_event", "npm_command", "UV_RUN_RECURSION_DEPTH", "POETRY_ACTIVE"}
)
_IGNORED = re.compile(r"^SigIgn:\s*(\w+)", re.MULTILINE)
_BACKGROUND = 0b101  # SIGHUP, as nohup ignores it, or SIGQUIT, as a script's & does


def owner(process: Process, table: ProcessTable) -> str:
    """Return "container", "systemd:UNIT", "supervisord", "terminal" or "detached"."""
    if process.confined:
        return "container"
    unit = [part for part in process.cgroup.split("/") if part.endswith(".service")]
    if unit and not unit[-1].startswith(("user@", "session-")):
        return f"systemd:{unit[-1]}"
    parent = table.find(process.ppid)
    while parent is not None and parent.pid > 1:
        if supervises(parent.words):
            return "supervisord"
        parent = table.find(parent.ppid)
    return "terminal" if process.tty else "detached"


def abandoned(process: Process, table: ProcessTable, facts: Facts) -> bool:
    """Return whether a wrapper started it, as its environment says, and none is left above it.

    A session leader never is, nor what was put into the background on purpose.
    """
    if process.sid == process.pid or process.confined:
        return False
    try:
        environ = environ_of(facts.host, process.pid)
    except OSError:
        return False
    if _WRAPPER_MARKS.isdisjoint(environ):
        return False
    ignored = _IGNORED.search(text_of(facts.host, f"/proc/{process.pid}/status"))
    if ignored and int(ignored[1], 16) & _BACKGROUND:
        return False  # put there on purpose
    parent = table.find(process.ppid)
    while parent is not None and parent.pid > 1:
        if any(wraps(word) for word in parent.words[:2]):
            return False
        parent = table.find(parent.ppid)
    return True
