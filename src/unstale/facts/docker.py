"""This project's compose containers as the Docker Engine tells them over its socket; GET only.

API: https://docs.docker.com/reference/api/engine/version/v1.41/. Compose names what it started by labels:
https://github.com/compose-spec/compose-spec/blob/main/05-services.md#labels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.host import Host
from unstale.layer import Layer

SOCKET = "/var/run/docker.sock"
_LABEL = "com.docker.compose."
_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Container:
    """A running service of compose. `image` is what it runs, `tagged` what its reference names now, None if nothing.

    `same` is True where both hold the same layers and settings, whatever their ids. `built_here`: no registry has
    given the image. `mounts` are paths inside that do not come from the image. `compose` names what started it:
    project, working directory and files.
    """

    id: str
    name: str
    service: str
    project: str
    directory: str
    files: tuple[str, ...]
    reference: str
    image: str
    tagged: str | None
    same: bool
    created_at: datetime
    built_here: bool
    workdir: str
    mounts: tuple[str, ...]

    @property
    def subject(self) -> str:
        """Return "container shop_web_1 (service web)"."""
        return f"container {self.name} (service {self.service})"

    @property
    def tag(self) -> str:
        """Return the tag by which findings on this container name each other."""
        return f"container:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers(Fact):
    """The running containers that compose started from a file of this project."""

    layer = Layer.DOCKER
    waits = True

    containers: tuple[Container, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Containers:
        if not facts.project.compose:
            raise Absent(what="no compose file", why="no compose file here", next="Nothing to do.")
        socket = engine(facts.host)
        rows = ask(facts.host, socket, "/containers/json")
        mine = [row for row in rows if _ours(facts, row["Labels"] or {})]
        if not mine:
            raise Absent(
                what="no container",
                why="no container of this project runs",
                next="docker compose up -d",
            )
        found = [_container(facts.host, socket, row) for row in mine]
        return cls(seen_at=facts.host.now(), containers=tuple(found))

    def summary(self) -> str:
        return ", ".join(f"{each.service} {each.image[7:19]}" for each in self.containers)

    def find(self, name: str) -> Container | None:
        """Return the container of that name."""
        return next((each for each in self.containers if each.name == name), None)


def engine(host: Host) -> str:
    """Return the engine's socket. Raises Absent where none is in use on this machine, Unavailable where it is shut."""
    named = host.environ("DOCKER_HOST") or f"unix://{SOCKET}"
    path = named.removeprefix("unix://")
    if path == named:
        raise Unavailable(
            what="the Docker engine is on another host",
            why=f"DOCKER_HOST is {named}",
            next="Run unstale there.",
        )
    try:
        there = host.stat(path) is not None
        if there:
            ask(host, path, "/_ping", text=True)
    except (Unavailable, OSError) as error:
        why = error.why if isinstance(error, Unavailable) else error.strerror or str(error)
        if "refused" not in why:
            raise Unavailable(
                what="the Docker engine was not asked", why=why, next="docker ps"
            ) from None
        there = False
    if not there:
        raise Absent(
            what="no Docker engine",
            why="no Docker engine runs on this machine",
            next="Start Docker, if the app runs in it.",
        )
    return path


def ask(host: Host, socket: str, path: str, *, text: bool = False) -> Any:
    """GET a path of the Engine API. Raises Unavailable with the engine's own words."""
    body = told(host, socket, path)
    try:
        return None if text else json.loads(body)
    except ValueError:
        raise Unavailable(
            what=f"Docker did not answer {path}", why="its answer broke off", next="docker ps"
        ) from None


def told(host: Host, socket: str, path: str) -> bytes:
    """Return the bytes that the Engine API answers to a GET. Raises Unavailable as `ask` does."""
    answer = host.get(
        f"http://docker{path}", socket_path=socket, limit=64_000_000, timeout=_TIMEOUT
    )
    if answer.status != 200:  # noqa: PLR2004 - RFC 9110, 15.3.1
        why = answer.body.decode("utf-8", "replace").strip()
        raise Unavailable(what=f"Docker did not answer {path}", why=why[:200], next="docker ps")
    return answer.body


def _ours(facts: Facts, labels: dict[str, str]) -> bool:
    """Return whether a compose file of this project started it; Compose 1 may name it by its directory alone."""
    directory = Path(labels.get(f"{_LABEL}project.working_dir") or "/")
    named = labels.get(f"{_LABEL}project.config_files", "").split(",")
    files = {directory / each for each in named if each}
    return any(each in files or each.parent == directory for each in facts.project.compose)


def _container(host: Host, socket: str, row: dict[str, Any]) -> Container:
    seen = ask(host, socket, f"/containers/{row['Id']}/json")
    image = ask(host, socket, f"/images/{seen['Image']}/json")
    tagged = _tagged(host, socket, seen["Config"]["Image"])
    labels = row["Labels"]
    directory = labels.get(f"{_LABEL}project.working_dir", "")
    files = labels.get(f"{_LABEL}project.config_files", "").split(",")
    return Container(
        id=row["Id"],
        name=seen["Name"].lstrip("/"),
        service=labels.get(f"{_LABEL}service", ""),
        project=labels.get(f"{_LABEL}project", ""),
        directory=directory,
        files=tuple(str(Path(directory) / each) for each in files if each),
        reference=seen["Config"]["Image"],
        image=seen["Image"],
        tagged=None if tagged is None else str(tagged["Id"]),
        same=tagged is None or _content(tagged) == _content(image),
        created_at=datetime.fromisoformat(image.get("Created") or _UNDATED),
        built_here=not image.get("RepoDigests"),
        workdir=seen["Config"].get("WorkingDir") or "/",
        mounts=tuple(sorted(each["Destination"] for each in seen.get("Mounts") or ())),
    )


_UNDATED = "1970-01-01T00:00:00Z"  # the engine may leave the date out


def _tagged(host: Host, socket: str, reference: str) -> dict[str, Any] | None:
    """Return the image that the reference names now; None for an id or a digest, and for a tag that is gone."""
    if reference.startswith("sha256:") or "@" in reference:
        return None
    try:
        return dict(ask(host, socket, f"/images/{quote(reference, safe='/:')}/json"))
    except Unavailable as error:
        if "No such image" in error.why:
            return None
        raise


def _content(image: dict[str, Any]) -> tuple[Any, Any]:
    """Return what decides the content: with containerd's store the id also changes with an attestation."""
    return image["RootFS"]["Layers"], image["Config"]
