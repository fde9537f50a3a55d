"""Listeners that a server was given by whoever started it, as descriptors with numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from unstale.actions.lifecycle import argv_of
from unstale.actions.owner import owned
from unstale.facts.environ import environ_of
from unstale.host import Host

_ARGUMENT = re.compile(r"(?:--fd[ =]|fd://)(\d+)")
_VARIABLES = ("WERKZEUG_SERVER_FD", "GUNICORN_FD")
_FIRST = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)


def numbers(argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[int, ...]:
    """Return the numbers under which the server looks for its listeners; none where it opens them itself."""
    named = _ARGUMENT.findall(" ".join(argv))
    told = [word for name in _VARIABLES for word in env.get(name, "").split(",") if word.isdigit()]
    many = env.get("LISTEN_FDS", "")
    listed = range(_FIRST, _FIRST + int(many)) if many.isdigit() else ()
    return tuple(sorted({*map(int, (*named, *told)), *listed}))


def why_not_stop(host: Host, pid: int) -> str | None:
    """Return why the process cannot be stopped first and started then: nobody would have its listener meanwhile."""
    given = numbers(argv_of(host, pid), environ_of(host, pid))
    if not given or owned(host, pid) is not None:  # an owner keeps the listener, and gives it again
        return None
    return "its listener was given to it by whoever started it: start it there again"
