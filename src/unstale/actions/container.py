"""Replaces a compose service's container, volumes kept; the former image keeps a name, so undo brings it back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.compose import Compose, drift
from unstale.facts.docker import Container, Containers
from unstale.facts.image_sources import ImageSources
from unstale.host import Host
from unstale.layer import Layer, Risk


@dataclass(frozen=True, slots=True)
class Service:
    """A service of compose, as its container's labels name it."""

    project: str
    directory: str
    files: tuple[str, ...]
    name: str

    def words(self, compose: tuple[str, ...], *rest: str) -> tuple[str, ...]:
        """Return the compose command line for this project."""
        files = tuple(word for file in self.files for word in ("-f", file))
        place = ("--project-directory", self.directory, "-p", self.project)
        return (*compose, *files, *place, *rest)


def service_of(container: Container) -> Service:
    """Return what compose needs to act on the container."""
    return Service(container.project, container.directory, container.files, container.service)


@dataclass(frozen=True, slots=True)
class Recreate(Action):
    """Replace a service's container by one of its image's present tag, after a build where `build` is set.

    `image` is what the container runs now, `tagged` what `reference` names before the step. `anew`: also where
    nothing differs.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.DOCKER
    undoable: ClassVar[bool] = True

    service: Service
    container: str
    reference: str
    image: str
    tagged: str
    build: bool
    compose: tuple[str, ...]
    anew: bool = False

    def title(self) -> str:
        verb = "build and replace" if self.build else "replace"
        return f"{verb} the container of service {self.service.name}"

    def preview(self) -> tuple[str, ...]:
        build = (("build", self.service.name),) if self.build else ()
        return tuple(
            " ".join(self.service.words(self.compose, *words))
            for words in (*build, _up(self.service.name))
        )

    def settled(self, facts: Facts) -> bool:
        containers = facts.maybe(Containers)
        found = containers.find(self.container) if containers else None
        if self.anew and found is not None:
            return False
        if found is None or not self.build:
            return found is None or found.same
        sources = facts.maybe(ImageSources)
        image = sources.of(self.container) if sources else None
        return image is None or not image.changed

    def blocked(self, facts: Facts) -> str | None:
        """Refuse where compose would also change what the container was started with."""
        containers = facts.maybe(Containers)
        found = containers.find(self.container) if containers else None
        if found is None:
            return f"container {self.container} is no longer there"
        other = drift(facts, found, self.service.words(self.compose, "config"))
        if other:
            return f"compose would also change {', '.join(other)}: {self.preview()[-1]}"
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return PutImageBack(
            self.service, self.reference, self.image, self.tagged, self.compose, _kept(keep)
        )

    def apply(self, host: Host, keep: Keep) -> None:
        _act(host, ("docker", "tag", self.image, _kept(keep)))
        if self.build:
            _act(host, self.service.words(self.compose, "build", self.service.name))
        again = ("--force-recreate",) if self.anew else ()
        up, service = _up(self.service.name)[:-1], self.service.name
        _act(host, self.service.words(self.compose, *up, *again, service))


@dataclass(frozen=True, slots=True)
class PutImageBack(Action):
    """Run the former image again; the reference then names what it named before."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.DOCKER

    service: Service
    reference: str
    image: str
    tagged: str
    compose: tuple[str, ...]
    kept: str

    def title(self) -> str:
        return f"run the former image of service {self.service.name} again"

    def preview(self) -> tuple[str, ...]:
        up = " ".join(self.service.words(self.compose, *_up(self.service.name)))
        return (f"docker tag {self.image} {self.reference}", up)

    def settled(self, facts: Facts) -> bool:
        containers = facts.maybe(Containers)
        mine = [each.image for each in (containers.containers if containers else ())]
        return self.image in mine

    def apply(self, host: Host, keep: Keep) -> None:
        _act(host, ("docker", "tag", self.image, self.reference))
        _act(host, self.service.words(self.compose, *_up(self.service.name)))
        if self.tagged != self.image:  # then nothing but `kept` names it
            _act(host, ("docker", "tag", self.tagged, self.reference))
        else:
            _act(host, ("docker", "rmi", "--no-prune", self.kept))


def replacing(
    container: Container, compose: Compose | None, *, build: bool, anew: bool = False
) -> Recreate | None:
    """Return the action on a container, None where no compose command is installed."""
    if compose is None:
        return None
    return Recreate(
        service_of(container),
        container.name,
        container.reference,
        container.image,
        container.tagged or container.image,
        build,
        compose.argv,
        anew,
    )


def _up(service: str) -> tuple[str, ...]:
    return ("up", "-d", "--no-deps", "--no-build", service)


def _kept(keep: Keep) -> str:
    """Return the name that keeps the former image: no prune of untagged images removes it."""
    return f"unstale/rollback:{keep.state.parent.name}-{keep.state.name}"


def _act(host: Host, argv: tuple[str, ...]) -> None:
    done = host.act(argv)
    if done.code != 0:
        lines = [line.strip() for line in (done.err or done.out).splitlines() if line.strip()]
        raise Failed(
            what=f"{Path(argv[0]).name} failed",
            why=" | ".join(lines[-3:]) or f"exit {done.code}",
            next=" ".join(argv),
        )
