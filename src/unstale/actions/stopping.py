"""Stops one process tree, and keeps what starts it again."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from unstale import codec
from unstale.actions.lifecycle import Start, end, family, startable
from unstale.actions.owner import act, owned
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.commands import wraps
from unstale.facts.environ import environ_of
from unstale.facts.processes import ProcessTable
from unstale.host import Host, Ident


def stop(facts: Facts, process: AppProcess, place: str) -> None:
    """Keep in `place` what starts it again, then stop it: its owner does, else TERM."""
    host = facts.host
    path = f"{place}/{process.pid}.json"
    owner = owned(host, process.pid)
    if owner is not None:
        _keep(host, path, owner=owner)
        act(host, owner, "stop")
        return
    if process.role == "orphan":
        end(host, family(host, Ident(process.pid, process.ticks)))
        return
    start = startable(host, process.pid, place)
    top = _wrapper(facts, process) if process.role == "dev" else Ident(process.pid, process.ticks)
    if top.pid != process.pid:
        start = _script(host, process.pid, start)
    _keep(host, path, start=start, terminal=process.owner == "terminal", words=process.command)
    end(host, family(host, top))


def _wrapper(facts: Facts, process: AppProcess) -> Ident:
    """Return the topmost of npm → sh → node; the process itself where no wrapper of the project is above it."""
    table = facts.get(ProcessTable)
    top, above = Ident(process.pid, process.ticks), table.find(process.ppid)
    best = top
    while (
        above is not None
        and above.pid not in table.ancestors
        and facts.project.contains(above.cwd or "/")
    ):
        if any(wraps(word) for word in above.words[:2]):
            best = Ident(above.pid, above.ticks)
        elif Path(above.words[0]).name not in ("sh", "dash", "bash") or "-c" not in above.words:
            break
        above = table.find(above.ppid)
    return best


def _script(host: Host, pid: int, start: Start) -> Start:
    """Return the start of the npm script that the process came from, as its environment names it."""
    environ = environ_of(host, pid)
    script, manifest = environ.get("npm_lifecycle_event"), environ.get("npm_package_json")
    if not script:
        return start
    packager = Path(environ.get("npm_execpath", "npm")).name.partition("-")[0].partition(".")[0]
    clean = {key: value for key, value in start.env.items() if not key.startswith("npm_")}
    cwd = str(Path(manifest).parent) if manifest else start.cwd
    return replace(start, argv=(packager or "npm", "run", script), cwd=cwd, env=clean)


def _keep(
    host: Host,
    path: str,
    *,
    owner: tuple[str, ...] = (),
    start: Start | None = None,
    terminal: bool = False,
    words: str = "",
) -> None:
    kept = {
        "owner": owner,
        "start": start and codec.encode(start),
        "terminal": terminal,
        "words": words,
    }
    host.write(path, json.dumps(kept).encode())


def kept_starts(host: Host, place: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (file, what it keeps) of each that was stopped and not started again."""
    found = []
    with suppress(FileNotFoundError):
        for name in host.names(place):
            raw = host.read(f"{place}/{name}") if name.endswith(".json") else b""
            found += [(f"{place}/{name}", json.loads(raw))] if raw else []
    return found
