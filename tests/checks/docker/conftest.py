"""A compose project of one busybox service, on an engine that the tests start."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Site, wait_for

from lab.engine import BASE, Engine

DOCKERFILE = f"""\
FROM {BASE} AS made
WORKDIR /made
COPY words/ ./
RUN sed -i s/grey/gray/ /made/colour.txt

FROM {BASE}
WORKDIR /app
COPY --from=made /made/ made/
COPY web/ web/
COPY run.sh README.md ./
RUN sed -i s/COLOUR/color/ /app/web/built.html
COPY more/ web/more/
STOPSIGNAL SIGKILL
CMD ["sh", "/app/run.sh"]
"""
COMPOSE = """\
version: "3.8"
services:
  web:
    build: .
    environment:
      GREETING: ${GREETING:-hello}
    ports: ["127.0.0.1:PORT:8000"]
    volumes: ["data:/data", "./live:/app/live"]
volumes: {data: {}}
"""


class Shop(Site):
    """A checkout whose one service is built and runs."""

    engine: Engine

    def compose(self, *words: str, **more: str) -> None:
        variables = [f"{key}={value}" for key, value in more.items()]
        self.engine.run("env", *variables, "docker-compose", *words, cwd=self.root)

    def page(self, name: str = "index.html") -> str:
        url = f"http://127.0.0.1:{self.port}/{name}"
        with suppress(OSError), urllib.request.urlopen(url, timeout=3) as response:
            return response.read().decode().strip()  # type: ignore[no-any-return]
        return ""

    def up(self, *words: str, **more: str) -> None:
        self.compose("up", "-d", *words, **more)
        wait_for(lambda: self.page() != "")

    def container(self) -> str:
        return self.engine.run("docker-compose", "ps", "-q", cwd=self.root).stdout.strip()


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Iterator[Shop]:
    root = tmp_path / f"shop{os.getpid()}"
    root.mkdir()
    made = Shop(root, tmp_path / "state")
    made.engine, made.more = engine, engine.environ
    made.write("Dockerfile", DOCKERFILE)
    made.write("compose.yaml", COMPOSE.replace("PORT", str(made.port)))
    # named, so that no layer comes from the build of another test
    made.write("run.sh", f"exec busybox httpd -f -p 8000 -h /app/web  # {tmp_path.name}\n")
    made.write("more/old.html", "old\n")
    made.write("web/index.html", "one\n")
    made.write("web/built.html", "COLOUR\n")
    made.write("words/colour.txt", "grey\n")
    made.write("live/note.txt", "one\n")
    made.write("README.md", "words\n")
    made.write("web/tests/test_it.py", "assert True\n")
    made.git("init", "-q")
    made.commit("begin")
    made.up("--build")
    yield made
    made.compose("down", "-v")
    made.end()
