"""What an image was built from against the build context now: by content, file by file."""

from __future__ import annotations

import hashlib
import io
import posixpath
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from unstale.detect.files import PRUNED
from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.build_context import Copied, copied
from unstale.facts.compose_file import Build, builds
from unstale.facts.docker import Container, Containers, ask, engine
from unstale.facts.dockerfile import copies
from unstale.facts.history import History
from unstale.host import Host
from unstale.layer import Layer

_SUSPECTS = 500
_PRUNED = tuple(each for each in PRUNED if each not in ("site-packages", ".next"))


@dataclass(frozen=True, slots=True)
class Changed:
    """A copied file that is another one now. `target` is its path in the image, None in a former stage.

    `want` and `have` are the first digits of the SHA-256 of the file and of the image's; `have` is "missing" where
    the image has none, and the commit's content where only git knows what a former stage held.
    """

    path: str
    target: str | None
    want: str
    have: str


@dataclass(frozen=True, slots=True)
class Image:
    """One container's image against its context. `compared` files are copied in; `changed` differ now."""

    container: str
    context: str
    dockerfile: str
    compared: int
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSources(Fact):
    """Each container whose image a compose file of this project builds."""

    layer = Layer.DOCKER
    costly = "hashing of builds"
    waits = True

    images: tuple[Image, ...]

    @classmethod
    def gather(cls, facts: Facts) -> ImageSources:
        containers = facts.get(Containers).containers
        found = [
            (path, each)
            for path in facts.project.compose
            if any(_started(path, container) for container in containers)
            for each in builds(facts.host, path)
        ]
        history = History(facts.host, facts.project.root)
        images = [
            _image(facts.host, container, build, history)
            for container in containers
            for path, build in found
            if build.service == container.service
            and _started(path, container)
            and facts.host.stat(str(build.dockerfile))
        ]
        if not images:
            raise Absent(what="no build", why="no running service is built here", next="")
        return cls(seen_at=facts.host.now(), images=tuple(images))

    def of(self, container: str) -> Image | None:
        """Return what is known of the container's image."""
        return next((each for each in self.images if each.container == container), None)


def _started(path: Path, container: Container) -> bool:
    """Return whether the container comes from this compose file; Compose 1 may name its directory alone."""
    if container.files:
        return str(path) in container.files
    return str(path.parent) == container.directory


def _image(host: Host, container: Container, build: Build, history: History) -> Image:
    text = host.read(str(build.dockerfile)).decode("utf-8", "replace")
    ignore = f"{build.context}/.dockerignore"
    own = f"{build.dockerfile}.dockerignore"
    rules = next((host.read(each) for each in (own, ignore) if host.stat(each)), b"")
    files = copied(
        host.walk(str(build.context), _PRUNED),
        rules.decode("utf-8", "replace"),
        copies(text, container.workdir, build.target),
    )
    newer = [each for each in files if each.entry.ctime_ns / 1e9 > container.created_at.timestamp()]
    written = _written_at_run_time(host, container) if newer else frozenset()
    found = [
        _changed(host, container, build, each, history)
        for each in newer[:_SUSPECTS]
        if each.target not in written and not _mounted(each.target, container.mounts)
    ]
    if len(newer) > _SUSPECTS and not any(found):
        raise Unavailable(
            what=f"the sources of {container.name} were not all compared",
            why=f"{len(newer)} of them were touched since the build, {_SUSPECTS} were read",
            next=f"docker cp {container.name}:{container.workdir} -",
        )
    return Image(
        container=container.name,
        context=str(build.context),
        dockerfile=str(build.dockerfile),
        compared=len(files),
        changed=tuple(each for each in found if each is not None),
    )


def _mounted(target: str | None, mounts: tuple[str, ...]) -> bool:
    return target is not None and any(
        target == place or target.startswith(f"{place}/") for place in mounts
    )


def _written_at_run_time(host: Host, container: Container) -> frozenset[str]:
    """Return the paths that differ from the image because the container itself wrote them."""
    changes = ask(host, engine(host), f"/containers/{container.id}/changes")
    return frozenset(each["Path"] for each in changes or ())


def _changed(
    host: Host, container: Container, build: Build, each: Copied, history: History
) -> Changed | None:
    """Return None where the file is as it was at the build.

    A build may change what it copied (RUN sed). Then the image's content proves something only where git knows it,
    or knows that the file was another one at the build.
    """
    path = f"{build.context}/{each.entry.path}"
    now = host.read(path)
    text = history.content(path, container.created_at)
    then = None if text is None else text.encode("utf-8", "surrogateescape")
    if each.target is None:
        held = then if container.built_here else None
        known = held is not None
    else:
        held = _read(host, container, each.target, posixpath.basename(path))
        told = then is not None and container.built_here
        known = each.plain or (then != now if told else held is not None and history.holds(held))
    if not known or held == now:
        return None
    have = "missing" if held is None else hashlib.sha256(held).hexdigest()[:12]
    return Changed(each.entry.path, each.target, hashlib.sha256(now).hexdigest()[:12], have)


def _read(host: Host, container: Container, path: str, name: str) -> bytes | None:
    """Return the file's bytes in the container, None where it has none. Raises Unavailable.

    A target that was a directory already took the file in by its name (COPY, "Destination").
    """
    answer = host.get(
        f"http://docker/containers/{container.id}/archive?path={quote(path)}",
        socket_path=engine(host),
        limit=64_000_000,
        timeout=5.0,
    )
    if answer.status == 404:  # noqa: PLR2004 - RFC 9110, 15.5.5
        return None
    import tarfile  # noqa: PLC0415 - only a doubtful file of a container needs it

    try:
        with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
            member = archive.next()
            if member is not None and member.isdir():
                return (
                    None
                    if path.endswith(f"/{name}")
                    else _read(host, container, f"{path}/{name}", name)
                )
            file = archive.extractfile(member or "")
            return file.read() if file else None
    except (tarfile.TarError, KeyError) as error:
        raise Unavailable(
            what=f"cannot read {path} in {container.name}",
            why=str(error),
            next=f"docker cp {container.name}:{path} -",
        ) from None
