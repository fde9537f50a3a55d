"""PRC004."""

from __future__ import annotations

import os
import signal

from lab.arena import Arena
from lab.waiting import wait_for


def inject(arena: Arena) -> str:
    """Kill the parent of a reloading server, and edit."""
    arena.stop()
    parent = arena.start("--reload")
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    arena.rename_app()
    return (
        "the reloading server was killed with -9, the name changed; its worker still has the port"
    )


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which name the app has."""
    return arena.shown_name()


def after_fix(arena: Arena) -> None:
    """Start the server, which could not bind before."""
    wait_for(lambda: arena.ask("/health").status == 0)
    arena.start()
