"""Who keeps a process running, and is asked first: systemd or supervisord."""

from __future__ import annotations

from contextlib import suppress

from unstale.actions.lifecycle import argv_of, stat_of
from unstale.errors import Failed
from unstale.facts.app_owner import kept_by_systemd
from unstale.facts.commands import supervises
from unstale.facts.environ import environ_of
from unstale.host import Host


def owner_does(host: Host, pid: int, verb: str) -> bool:
    """Let the owner of a process restart, stop or start it; False where nobody owns it. Raises Failed."""
    words = owned(host, pid)
    if words is None:
        return False
    act(host, words, verb)
    return True


def owned(host: Host, pid: int) -> tuple[str, ...] | None:
    """Return its owner's command, with a gap for the verb: systemd's by cgroup, supervisord's by the environment.

    https://supervisord.org/subprocess.html#subprocess-environment
    """
    cgroup = host.read(f"/proc/{pid}/cgroup").decode("utf-8", "replace")
    kept = kept_by_systemd(host, pid, cgroup)
    if kept is not None:
        return (*kept[:-1], "", kept[-1])
    environ = environ_of(host, pid)
    name, group = (environ.get(f"SUPERVISOR_{word}_NAME") for word in ("PROCESS", "GROUP"))
    if not name or not _below_supervisord(host, pid):
        return None
    server = environ.get("SUPERVISOR_SERVER_URL")
    place = ("-s", server) if server else ()
    return ("supervisorctl", *place, "", f"{group}:{name}")


def _below_supervisord(host: Host, pid: int) -> bool:
    """Return whether it runs there: a shell that supervisord keeps hands its variables on to what is started in it."""
    while pid > 1:
        fields = stat_of(host, pid)
        if fields[4] != "0":  # a terminal (proc_pidstat_of(5), 7)
            return False
        pid = int(fields[1])
        with suppress(OSError):
            if supervises(argv_of(host, pid)):
                return True
    return False


def act(host: Host, owner: tuple[str, ...], verb: str) -> None:
    """Run the owner's command with this verb. Raises Failed."""
    argv = tuple(word or verb for word in owner)
    done = host.act(argv)
    if done.code != 0:
        why = done.err.strip() or done.out.strip() or f"exit {done.code}"
        raise Failed(what=f"{argv[0]} did not {verb} {argv[-1]}", why=why, next=" ".join(argv))
