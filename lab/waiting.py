"""Waits for what a program needs time for, by asking again."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(true: Callable[[], object], timeout: float = 30.0) -> None:
    """Poll until it holds. Raises RuntimeError when it does not in time (seconds)."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("it did not come true in time")
        time.sleep(0.05)
