"""Stops one process tree, and keeps what starts it again."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from unstale import codec
from unstale.actions.lifecycle import GRACE, Start, argv_of, end, family, gone, startable
from unstale.actions.owner import act, owned
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.commands import wraps
from unstale.facts.environ import environ_of
from unstale.facts.processes import ProcessTable
from unstale.facts.sockets import listening_ports
from unstale.host import Host, Ident
from unstale.redact import MASK, mask_words


def stop(facts: Facts, process: AppProcess, place: str) -> None:
    """Keep in `place` what starts it again, then stop it: its owner does, else TERM."""
    host = facts.host
    path = f"{place}/{process.pid}.json"
    owner = owned(host, process.pid)
    if owner is not None:
        keep_start(host, path, owner=owner, start=startable(host, process.pid, place))
        act(host, owner, "stop")
        return
    if process.role == "orphan":
        end(host, family(host, Ident(process.pid, process.ticks)))
        return
    start = startable(host, process.pid, place)
    if process.role == "server" and not start.ports:  # a reloader leaves the port to its child
        inside = tuple(each.pid for each in family(host, Ident(process.pid, process.ticks)))
        start = replace(start, ports=listening_ports(host, inside))
    top, shell = Ident(process.pid, process.ticks), ""
    if process.role == "dev":
        top, shell = _wrapper(facts, process)
        start = _script(host, process.pid, start, shell)
    start = _logged(start, place, f"{process.program or process.role}-{process.pid}.log")
    own = Ident(
        process.pid, process.ticks
    )  # it goes first: npm and sh end when what they run has ended
    terminal = process.owner == "terminal"
    words = " ".join(each if MASK in each else shlex.quote(each) for each in mask_words(start.argv))
    keep_start(host, path, start=start, own=own, terminal=terminal, words=words)
    end(host, (own, *(each for each in family(host, top) if each != own)))


def _logged(start: Start, place: str, name: str) -> Start:
    """Give what went to a terminal or a pipe a log of its own."""
    shared, own = f"{place}/output.log", f"{place}/{name}"
    out, err = (own if each == shared else each for each in (start.stdout, start.stderr))
    return replace(start, stdout=out, stderr=err)


def _wrapper(facts: Facts, process: AppProcess) -> tuple[Ident, str]:
    """Return the topmost of npm → sh → node, and what sh was told to run; the process itself without a wrapper."""
    table = facts.get(ProcessTable)
    top, above = Ident(process.pid, process.ticks), table.find(process.ppid)
    best, told = top, ""
    while (
        above is not None
        and above.pid not in table.ancestors
        and facts.project.contains(above.cwd or "/")
    ):
        if any(wraps(word) for word in above.words[:2]):
            best = Ident(above.pid, above.ticks)
        elif Path(above.words[0]).name in ("sh", "dash", "bash") and "-c" in above.words:
            told = told or argv_of(facts.host, above.pid)[-1]
        else:
            break
        above = table.find(above.ppid)
    return best, told


def _script(host: Host, pid: int, start: Start, shell: str) -> Start:
    """Return the start of the npm script that the process came from, as its environment names it.

    npm appends what was typed behind the script's own text (npm help run-script). A development server takes
    another port where its own is not free, so it is not waited for at one.
    """
    environ = environ_of(host, pid)
    script, manifest = environ.get("npm_lifecycle_event"), environ.get("npm_package_json")
    if not script:
        return replace(start, ports=())
    typed = shlex.split(shell.removeprefix(environ.get("npm_lifecycle_script", shell)))
    packager = Path(environ.get("npm_execpath", "npm")).name.partition("-")[0].partition(".")[0]
    clean = {key: value for key, value in start.env.items() if not key.startswith("npm_")}
    cwd = str(Path(manifest).parent) if manifest else start.cwd
    argv = (packager or "npm", "run", script, *(("--", *typed) if typed else ()))
    return replace(start, argv=argv, cwd=cwd, env=clean, ports=())


def keep_start(
    host: Host,
    path: str,
    *,
    owner: tuple[str, ...] = (),
    start: Start | None = None,
    own: Ident | None = None,
    terminal: bool = False,
    words: str = "",
) -> None:
    """Write what starts it again: its owner's command, or its start; `words` for a person's terminal."""
    kept = {
        "owner": owner,
        "start": start and codec.encode(start),
        "own": own and [own.pid, own.ticks],
        "terminal": terminal,
        "words": words,
    }
    host.write(path, json.dumps(kept).encode())


def supersede(host: Host, former: list[tuple[str, dict[str, Any]]], place: str) -> None:
    """Empty each former file whose process was kept again: it had been started, and the start was killed after that."""
    before = {path for path, _ in former}
    again = [_identity(kept) for path, kept in kept_starts(host, place) if path not in before]
    for path, kept in former:
        if _identity(kept) in again:
            again.remove(_identity(kept))
            host.write(path, b"")


def _identity(kept: dict[str, Any]) -> tuple[Any, ...]:
    start = kept["start"] or {}
    return (kept["owner"], *(start.get(key) for key in ("argv", "cwd", "ports")))


def outlived(host: Host, kept: dict[str, Any]) -> bool:
    """Return whether a process that was kept, and whose stop was killed, goes on; one that was told to end does not.

    Nobody but its terminal can start a terminal's process as it was, so it is only waited for.
    """
    own = Ident(*kept["own"])
    if not host.alive(own):
        return False
    with suppress(Failed):
        if not kept["terminal"]:
            end(host, family(host, own))
        return not gone(host, (own,), GRACE)
    return True


def kept_starts(host: Host, place: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (file, what it keeps) of each that was stopped and not started again."""
    found = []
    with suppress(FileNotFoundError):
        for name in host.names(place):
            raw = host.read(f"{place}/{name}") if name.endswith(".json") else b""
            found += [(f"{place}/{name}", json.loads(raw))] if raw else []
    return found
