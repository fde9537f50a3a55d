"""PRC008."""

from __future__ import annotations

import os
import signal

from lab.arena import Arena, free_port
from lab.waiting import wait_for


def inject(arena: Arena) -> str:
    """Start Vite through npm, and kill npm."""
    words = ("--port", str(free_port()), "--strictPort")
    wrapper = arena.spawn(["npm", "run", "dev", "--", *words], cwd=arena.frontend)
    wait_for(lambda: _listening(arena))
    os.kill(wrapper.pid, signal.SIGKILL)
    wrapper.wait()
    return "npm run dev was killed; the Vite server below it runs on"


def _listening(arena: Arena) -> bool:
    return "dev" in [each["role"] for each in arena.processes() if each["ports"]]
