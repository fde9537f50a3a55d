"""BLD006."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.check import check
from unstale.facts.build import Builds
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "BLD006",
    "another directory is served than the one that is built",
    layer=Layer.BUILD,
    since="0.1",
)
def another_directory_is_served(builds: Builds) -> Iterator[Finding | Fresh]:
    """A server of the project answers with a copy of the build that later builds do not reach.

    What it proves
    The page at / has, byte for byte, the index.html of another directory of the project, not the built one's.

    Why it matters
    Every rebuild succeeds and nothing changes for the users.

    How it gets this way
    A copied `dist`, `StaticFiles(directory=…)` relative to another working directory, a forgotten volume.

    How it is seen
    The SHA-256 of the page that the server answers, against each index.html below the project.

    What is not flagged
    Pages without hashed assets (no build), development servers, a directory that holds the same build.

    Fix, risk and undo
    Manual: the directory is written in code or configuration. `fix` prints both paths; copying is only a stopgap.
    """
    for build in builds.builds:
        source = f"sha256sum {build.dist}/index.html"
        for url in build.served_by:
            same = builds.shows(build.digest[:12], source)
            yield Fresh(f"page at {url}", same, same)
        for url, place in build.elsewhere:
            yield Finding(
                f"page at {url}",
                f"it is the index.html of {place}; {build.dist} is what gets built",
                want=builds.shows(f"{build.dist}/index.html", source),
                have=builds.shows(
                    f"{place}/index.html",
                    f"curl -s {url}/ | sha256sum; sha256sum {place}/index.html",
                ),
                fix=Edit(
                    "serve the directory that is built",
                    (
                        f"grep -rn '{place.rpartition('/')[2]}' --include='*.py' .",
                        f"# serve {build.dist} there",
                    ),
                ),
                paths=(place, build.dist),
            )
