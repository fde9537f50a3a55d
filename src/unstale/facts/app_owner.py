"""Who keeps a process running, and whether whoever started it is gone."""

from __future__ import annotations

import re
from contextlib import suppress

from unstale.errors import Unavailable
from unstale.fact import Facts
from unstale.facts.commands import supervises, wraps
from unstale.facts.environ import environ_of
from unstale.facts.files import text_of
from unstale.facts.processes import Process, ProcessTable
from unstale.host import Host

_WRAPPER_MARKS = frozenset(
    {"npm_lifecycle_event", "npm_command", "UV_RUN_RECURSION_DEPTH", "POETRY_ACTIVE"}
)
_UNITS = re.compile(r"/([^/\n]+\.service)(?=/|$)", re.MULTILINE)
_IGNORED = re.compile(r"^SigIgn:\s*(\w+)", re.MULTILINE)
_BACKGROUND = 0b101  # SIGHUP, as nohup ignores it, or SIGQUIT, as a script's & does


def owner(process: Process, table: ProcessTable, host: Host) -> str:
    """Return "container", "systemd:UNIT", "supervisord", "terminal" or "detached"."""
    if process.confined:
        return "container"
    with suppress(Unavailable, OSError):
        kept = kept_by_systemd(host, process.pid, process.cgroup)
        if kept is not None:
            return f"systemd:{kept[-1]}"
    parent = table.find(process.ppid)
    while parent is not None and parent.pid > 1:
        if supervises(parent.words):
            return "supervisord"
        parent = table.find(parent.ppid)
    return "terminal" if process.tty else "detached"


def kept_by_systemd(host: Host, pid: int, cgroup: str) -> tuple[str, ...] | None:
    """Return systemctl, its --user where it is a user's, and the unit that runs this very server.

    None for what cron or a build agent, units too, once started. Raises Unavailable, OSError.
    """
    units = _UNITS.findall(cgroup)
    if not units or units[-1].startswith(("user@", "session-")):
        return None
    systemctl = (
        "systemctl",
        *(("--user",) if any(each.startswith("user@") for each in units) else ()),
    )
    shown = host.run((*systemctl, "show", "-p", "MainPID", "--value", units[-1]))
    main = shown.out.strip()
    if shown.code != 0 or main in ("", "0"):
        return None
    same = main == str(pid) or (
        host.readlink(f"/proc/{main}/cwd") == host.readlink(f"/proc/{pid}/cwd")
    )
    return (*systemctl, units[-1]) if same else None


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
