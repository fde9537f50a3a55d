"""DKR001."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.actions.container import Recreate, replacing
from unstale.check import check
from unstale.facts.compose import Compose
from unstale.facts.docker import Containers
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "DKR001",
    "the container runs a former image",
    layer=Layer.DOCKER,
    since="0.1",
    fix=Recreate,
)
def container_runs_a_former_image(
    containers: Containers, compose: Compose | None
) -> Iterator[Finding | Fresh]:
    """The image was built or pulled again, and the container is still of the one before.

    What it proves
    The container's image id differs from the id that its image's name has now, and so do layers or settings.

    Why it matters
    The build succeeded, the container restarts, and the old code runs.

    How it gets this way
    `docker build` and then `docker restart` or `docker compose restart`: neither makes a new container.

    How it is seen
    The engine's own answers for the container and for the name, over its socket.

    What is not flagged
    A container of an id or digest; a name that is gone; another id of equal layers and settings; stopped
    containers; other projects' containers.

    Fix, risk and undo
    `docker compose up -d --no-deps SERVICE`; volumes stay. Refused where compose would also change variables or
    ports. The former image keeps a name; undo runs it again.
    """
    for each in containers.containers:
        if each.tagged is None:
            continue
        want = containers.shows(
            each.tagged[7:19], f"docker image inspect -f '{{{{.Id}}}}' {each.reference}"
        )
        have = containers.shows(each.image[7:19], f"docker inspect -f '{{{{.Image}}}}' {each.name}")
        if each.same:
            yield Fresh(each.subject, want, have)
            continue
        up = f"docker compose -p {each.project} up -d --no-deps {each.service}"
        yield Finding(
            each.subject,
            f"{each.reference} names another image since this container was made",
            want=want,
            have=have,
            fix=replacing(each, compose, build=False) or Edit("replace the container", (up,)),
            explains=frozenset({each.tag}),
        )
