"""Whether what a process was started to do is being done."""

from __future__ import annotations

from contextlib import suppress

from unstale.actions.lifecycle import Start, argv_of
from unstale.fact import Facts
from unstale.facts.app_processes import AppProcesses
from unstale.host import Ident


def runs(facts: Facts, start: Start, but: tuple[Ident, ...] = ()) -> bool:
    """Return whether another process than those serves the ports, or runs the command in its place and serves none."""
    left_out = {each.pid for each in but}
    processes = facts.maybe(AppProcesses)
    for each in processes.processes if processes else ():
        if each.pid in left_out:
            continue
        if start.ports and set(start.ports) <= set(each.ports):
            return True
        with suppress(OSError):
            script = each.role == "dev" and start.argv[1:2] == ("run",)  # npm run
            same = script or argv_of(facts.host, each.pid) == start.argv
            up = not start.ports or not each.ports  # one that has none yet is coming up
            if up and each.cwd == start.cwd and same:
                return True
    return False
