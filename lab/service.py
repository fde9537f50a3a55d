"""A static page of the example in a container, for the faults of containers."""

from __future__ import annotations

import json
import time

from lab.arena import Arena, free_port
from lab.engine import BASE
from lab.waiting import wait_for

_DOCKERFILE = f"""\
FROM {BASE}
COPY static/ /static/
STOPSIGNAL SIGKILL
CMD ["busybox", "httpd", "-f", "-p", "8000", "-h", "/static"]
"""


def begin(arena: Arena) -> None:
    """Put a service beside the app, build it and start it."""
    arena.page_port = free_port()
    ports = [f"127.0.0.1:{arena.page_port}:8000"]
    service = {"version": "3.8", "services": {"page": {"build": ".", "ports": ports}}}
    (arena.root / "compose.yaml").write_text(json.dumps(service))
    (arena.root / "Dockerfile").write_text(_DOCKERFILE)
    (arena.root / "static").mkdir()
    (arena.root / "static/index.html").write_text("one\n")
    arena.commit("a page in a container")
    arena.compose("up", "-d", "--build")
    wait_for(lambda: _page(arena) == "one")
    time.sleep(0.1)  # let the clock pass the image's time


def felt_words(arena: Arena, wanted: str) -> tuple[str, bool]:
    """Return what the container serves, and whether it is what is wanted."""
    wait_for(lambda: _page(arena))
    page = _page(arena)
    return f"GET / of the container → {page!r}, wanted {wanted!r}", page == wanted


def _page(arena: Arena) -> str:
    told = arena.ask("/index.html", port=arena.page_port)
    return told.text.strip() if told.status == 200 else ""
