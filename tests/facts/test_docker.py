"""Containers and their sources, as an engine of a few lines tells them over a real socket."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from unstale.check import by_code
from unstale.errors import Unavailable
from unstale.fact import Facts
from unstale.facts.compose import drift
from unstale.facts.docker import Containers
from unstale.facts.image_sources import ImageSources
from unstale.local import LocalHost
from unstale.project import Project

DOCKERFILE = "FROM base\nCOPY page.html /srv/page.html\n"
COMPOSE = "services:\n  web:\n    build: .\n"
BUILT = "2020-01-01T00:00:00Z"


class _Request(BaseHTTPRequestHandler):
    server: Docker

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = parse_qs(parts.query).get("path", [""])[0]
        told = self.server.answers.get(parts.path)
        body = self.server.archive(parts.path.split("/")[2], asked) if asked else told
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"") + self.server.withheld))
        self.end_headers()
        if body:
            self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing: a client behind a socket file has no address."""


class Docker(ThreadingMixIn, UnixStreamServer):
    """An engine that knows what it was told. `withheld` bytes are announced and never sent."""

    daemon_threads = True
    withheld = 0

    def __init__(self, root: Path, socket: Path) -> None:
        super().__init__(str(socket), _Request)
        self.root = root
        self.answers = {"/_ping": b"OK", "/containers/json": b"[]"}
        self.rows: list[dict[str, Any]] = []
        self.inside: dict[str, dict[str, bytes]] = {}

    def tell(self, path: str, value: Any) -> None:
        self.answers[path] = json.dumps(value).encode()

    def run(
        self,
        compose: Path,
        inside: dict[str, bytes],
        *,
        name: str = "shop",
        mounts: tuple[str, ...] = (),
        env: tuple[str, ...] = (),
        image: dict[str, Any] | None = None,
    ) -> None:
        """Run the service "web" of the file, from an image that holds these files; again: another in its place."""
        labels = {
            "com.docker.compose.service": "web",
            "com.docker.compose.project.working_dir": str(compose.parent),
            "com.docker.compose.project.config_files": compose.name,
        }
        self.inside[name] = inside
        self.rows = [each for each in self.rows if each["Id"] != name]
        self.rows += [{"Id": name, "Labels": labels}]
        self.tell("/containers/json", self.rows)
        seen = {
            "Name": f"/{name}_web_1",
            "Image": "sha256:aa",
            "Config": {"Image": "sha256:aa", "Env": list(env)},
            "HostConfig": {},
            "Mounts": [{"Destination": each} for each in mounts],
        }
        self.tell(f"/containers/{name}/json", seen)
        self.tell(f"/containers/{name}/changes", None)
        built = {"RootFS": {"Layers": []}, "Config": {}}
        self.tell(
            "/images/sha256:aa/json", built | ({"Created": BUILT} if image is None else image)
        )

    def archive(self, name: str, path: str) -> bytes | None:
        """Return the tar of a file, or of a directory alone, as the Engine API's `archive` begins."""
        inside = self.inside[name]
        if path not in inside and not any(each.startswith(f"{path}/") for each in inside):
            return None
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w") as tar:
            member = tarfile.TarInfo(path.rpartition("/")[2])
            data = inside.get(path)
            member.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            member.size = len(data or b"")
            tar.addfile(member, io.BytesIO(data or b""))
        return whole.getvalue()

    def facts(self, *compose: Path) -> Facts:
        return Facts(Project(root=self.root, name="shop", compose=compose), LocalHost())


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    root, socket = tmp_path / "shop", tmp_path / "docker.sock"
    root.mkdir()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    with Docker(root, socket) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def laid(place: Path, page: str = "one\n", *, dockerfile: str = DOCKERFILE) -> Path:
    """Write a build of one page below the directory, and return its compose file."""
    place.mkdir(exist_ok=True)
    (place / "page.html").write_text(page)
    (place / "Dockerfile").write_text(dockerfile)
    (place / "compose.yaml").write_text(COMPOSE)
    return place / "compose.yaml"


def changed(facts: Facts) -> list[tuple[str, str]]:
    """Return (context, path) of all that is said to differ."""
    images = facts.get(ImageSources).images
    return [(Path(each.context).name, one.path) for each in images for one in each.changed]


def test_page_that_differs_from_the_images_is_found(docker: Docker) -> None:
    compose = laid(docker.root)
    docker.run(compose, {"/srv/page.html": b"former\n"})
    assert changed(docker.facts(compose)) == [("shop", "page.html")]


def test_image_is_judged_by_the_compose_file_that_started_it(docker: Docker) -> None:
    """Two stacks of one checkout name a service alike, and each builds its own."""
    first, second = laid(docker.root / "admin", "admin\n"), laid(docker.root / "shop", "shop\n")
    docker.run(second, {"/srv/page.html": b"shop\n"})
    facts = docker.facts(first, second)
    assert [Path(each.context).name for each in facts.get(ImageSources).images] == ["shop"]
    assert changed(facts) == []
    docker.run(first, {"/srv/page.html": b"former\n"}, name="admin")
    facts = docker.facts(first, second)
    assert len(facts.get(ImageSources).images) == 2
    assert changed(facts) == [("admin", "page.html")]


def test_broken_compose_file_of_another_stack_hides_nothing(docker: Docker) -> None:
    mine, other = laid(docker.root / "shop"), laid(docker.root / "admin")
    other.write_text("services: [\n")
    docker.run(mine, {"/srv/page.html": b"former\n"})
    assert changed(docker.facts(other, mine)) == [("shop", "page.html")]


@pytest.mark.parametrize("place", ["/srv/page.html", "/srv"])
def test_file_that_is_mounted_over_is_not_the_images(docker: Docker, place: str) -> None:
    compose = laid(docker.root)
    docker.run(compose, {"/srv/page.html": b"former\n"}, mounts=(place,))
    assert changed(docker.facts(compose)) == []


@pytest.mark.parametrize(
    ("held", "found"), [(b"one\n", []), (b"former\n", [("shop", "page.html")])]
)
def test_target_that_was_a_directory_took_the_file_in_by_its_name(
    docker: Docker, held: bytes, found: list[tuple[str, str]]
) -> None:
    compose = laid(docker.root, dockerfile="FROM base\nCOPY page.html /srv\n")
    docker.run(compose, {"/srv/page.html": held})
    assert changed(docker.facts(compose)) == found


def test_file_that_a_script_of_the_build_may_have_changed_proves_nothing(docker: Docker) -> None:
    compose = laid(docker.root, dockerfile=f"{DOCKERFILE}RUN <<EOF\nsed -i s/o/0/ /srv/*\nEOF\n")
    docker.run(compose, {"/srv/page.html": b"0ne\n"})
    assert changed(docker.facts(compose)) == []


def test_build_that_copies_nothing_is_not_called_fresh(docker: Docker) -> None:
    compose = laid(docker.root, dockerfile="FROM base\nADD https://example.invalid/a /srv/\n")
    docker.run(compose, {})
    check = by_code("DKR002")
    assert check
    assert list(check.verdicts(docker.facts(compose))) == []


def test_more_touched_sources_than_are_read_are_unknown_unless_one_differs(docker: Docker) -> None:
    compose = laid(docker.root, dockerfile="FROM base\nCOPY pages/ /srv/\n")
    (docker.root / "pages").mkdir()
    held = {f"/srv/{at:03}.html": b"same\n" for at in range(501)}
    for path in held:
        (docker.root / "pages" / path[5:]).write_bytes(b"same\n")
    docker.run(compose, held)
    with pytest.raises(Unavailable, match="501 of them were touched"):
        docker.facts(compose).get(ImageSources)
    docker.inside["shop"]["/srv/007.html"] = b"former\n"
    assert changed(docker.facts(compose)) == [("shop", "pages/007.html")]
    os.remove(docker.root / "pages/007.html")
    assert changed(docker.facts(compose)) == []


@pytest.mark.parametrize("image", [{}, {"Created": ""}, {"Created": None}])
def test_image_without_a_date_counts_as_old(docker: Docker, image: dict[str, Any]) -> None:
    compose = laid(docker.root)
    docker.run(compose, {"/srv/page.html": b"one\n"}, image=image)
    (container,) = docker.facts(compose).get(Containers).containers
    assert container.created_at.year == 1970
    assert changed(docker.facts(compose)) == []


def test_answer_that_breaks_off_is_unknown(docker: Docker) -> None:
    compose = laid(docker.root)
    docker.run(compose, {})
    docker.answers["/containers/json"] = docker.answers["/containers/json"][:-9]
    docker.withheld = 9
    with pytest.raises(Unavailable):
        docker.facts(compose).get(Containers)


def _drift(docker: Docker, compose: Path, config: str) -> tuple[str, ...]:
    facts = docker.facts(compose)
    (container,) = facts.get(Containers).containers
    (docker.root / "config.yaml").write_text(config)
    return drift(facts, container, ("cat", str(docker.root / "config.yaml")))


@pytest.mark.parametrize("config", ["services:\n  db: {image: x}\n", "services: {}\n", "name: x\n"])
def test_service_that_the_config_leaves_out_is_refused(docker: Docker, config: str) -> None:
    """It belongs to a profile that is not chosen."""
    compose = laid(docker.root)
    docker.run(compose, {})
    with pytest.raises(Unavailable, match="cannot compare web") as refused:
        _drift(docker, compose, config)
    assert "profile" in refused.value.why


@pytest.mark.parametrize(
    "environment", ["{PRICE: 5$$, SIZE: 3, LIVE: true}", "[PRICE=5$$, SIZE=3, LIVE=true]"]
)
def test_dollar_sign_is_doubled_in_the_config_alone(docker: Docker, environment: str) -> None:
    compose = laid(docker.root)
    config = f"services:\n  web:\n    environment: {environment}\n"
    docker.run(compose, {}, env=("PRICE=5$", "SIZE=3", "LIVE=true"))
    assert _drift(docker, compose, config) == ()
    docker.run(compose, {}, env=("PRICE=5$$", "SIZE=3", "LIVE=true"))
    assert _drift(docker, compose, config) == ("PRICE",)
