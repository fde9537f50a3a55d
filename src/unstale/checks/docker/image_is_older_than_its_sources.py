"""DKR002."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.actions.container import Recreate, replacing
from unstale.check import check
from unstale.facts.compose import Compose
from unstale.facts.docker import Container, Containers
from unstale.facts.image_sources import Image, ImageSources
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "DKR002",
    "the image is older than its sources",
    layer=Layer.DOCKER,
    since="0.1",
    fix=Recreate,
)
def image_is_older_than_its_sources(
    containers: Containers, sources: ImageSources, compose: Compose | None
) -> Iterator[Finding | Fresh]:
    """A file that the image was built from is another one now.

    What it proves
    A file that the Dockerfile copies changed after the build, and the container's file has another SHA-256.

    Why it matters
    The container runs code that is no longer in the checkout.

    How it gets this way
    `git pull` or an edit, then `docker compose up` without `--build`.

    How it is seen
    COPY and ADD of the Dockerfile, .dockerignore, the files through the engine's archive. A stage that is only
    copied on is compared with the commit that was checked out at the build, for images that were built here.

    What is not flagged
    Touched but equal files; tests, docs and prose; files below a mount, which are the host's own; what the container
    wrote; what a later RUN may have changed, unless git knows the image's content; paths with a variable. The
    image's date alone proves nothing.

    Fix, risk and undo
    `docker compose build SERVICE`, then `up -d --no-deps SERVICE`; volumes stay. Refused where compose would also
    change variables or ports. The former image keeps a name; undo runs it again.
    """
    for each in containers.containers:
        image = sources.of(each.name)
        if image is None or not (image.compared or image.changed):
            continue
        built = f"built {each.created_at:%Y-%m-%d %H:%M:%S} UTC"
        if image.changed:
            yield _finding(sources, each, image, compose)
            continue
        source = f"docker image inspect -f '{{{{.Created}}}}' {each.image[7:19]}"
        want = sources.shows(f"{image.compared} copied files, as in the image", image.dockerfile)
        yield Fresh(f"image of {each.subject}", want, sources.shows(built, source))


def _finding(
    sources: ImageSources, each: Container, image: Image, compose: Compose | None
) -> Finding:
    first = image.changed[0]
    names = ", ".join(one.path for one in image.changed[:3])
    more = f" and {len(image.changed) - 3} more" if len(image.changed) > 3 else ""  # noqa: PLR2004 - fits a line
    have = f"docker exec {each.name} sha256sum {first.target}"
    if first.target is None:
        have = f"git log -p --since='{each.created_at:%Y-%m-%d %H:%M:%S} UTC' -- {first.path}"
    hand = f"docker compose -p {each.project} up -d --build --no-deps {each.service}"
    fix = replacing(each, compose, build=True) or Edit("build and replace the container", (hand,))
    return Finding(
        f"image of {each.subject}",
        f"{names}{more}: changed since the build",
        want=sources.shows(f"{first.path} {first.want}", f"sha256sum {image.context}/{first.path}"),
        have=sources.shows(f"{first.target or 'a former stage'} {first.have}", have),
        fix=None if not each.same else fix,
        paths=tuple(f"{image.context}/{one.path}" for one in image.changed),
        touches=frozenset({each.tag}),
    )
