"""Health without a framework: what is asked, how often, and what may be said."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Callable, Optional

CURRENT = "current"
OUTDATED = "outdated"
UNREACHABLE = "unreachable"

_DETAILS = {
    OUTDATED: "Database schema is outdated. Run migrations.",
    UNREACHABLE: "Database does not answer.",
}

Probe = Callable[[], str]
"""Looks at the database now and returns CURRENT or OUTDATED; whatever it raises means UNREACHABLE."""


@dataclass(frozen=True)
class Answer:
    """A health route's answer. The body never holds an exception's text, a path or a DSN."""

    status: int
    body: "dict[str, str]"

    @property
    def content(self) -> bytes:
        """Return the body as one JSON object."""
        return json.dumps(self.body).encode()


HEADERS = {"Cache-Control": "no-store", "Content-Type": "application/json"}
ALIVE = Answer(200, {"status": "healthy"})


class DatabaseHealth:
    """Asks a probe at most once a `ttl` and never twice at a time; an answer later than `limit` is a failure.

    Times are in seconds. Safe to ask from any number of threads.
    """

    def __init__(self, probe: Probe, *, ttl: float = 1.0, limit: float = 1.0) -> None:
        self._probe = probe
        self._ttl = ttl
        self._limit = limit
        self._known: Optional[str] = None
        self._known_at = 0.0
        self._lock = threading.Lock()
        self._running: Optional[threading.Event] = None

    def answer(self) -> Answer:
        """Return 200 for a current schema, else 503 with what to do."""
        state = self._state()
        if state == CURRENT:
            return Answer(200, {"status": "healthy", "database": CURRENT})
        return Answer(503, {"status": "unhealthy", "database": state, "detail": _DETAILS[state]})

    def _state(self) -> str:
        with self._lock:
            if self._known is not None and time.monotonic() - self._known_at < self._ttl:
                return self._known
            if self._running is None:
                self._running = threading.Event()
                threading.Thread(target=self._ask, args=(self._running,), daemon=True).start()
            running = self._running
        if not running.wait(self._limit):
            return UNREACHABLE
        with self._lock:
            return self._known or UNREACHABLE

    def _ask(self, done: threading.Event) -> None:
        try:
            state = self._probe()
        except (
            Exception
        ):  # the probe talks to a driver, which may raise anything; its words stay inside
            state = UNREACHABLE
        with self._lock:
            self._known, self._known_at, self._running = state, time.monotonic(), None
        done.set()
