"""BLD001."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.actions.node import Rebuild
from unstale.check import check
from unstale.facts.build import Build, Builds
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity


@check("BLD001", "the build is older than its sources", layer=Layer.BUILD, since="0.1", fix=Rebuild)
def build_is_older_than_its_sources(builds: Builds) -> Iterator[Finding | Fresh]:
    """A served front-end build was made from other sources than those in the checkout.

    What it proves
    A source changed after index.html was written, and its content differs from what was checked out then.

    Why it matters
    Users get the former interface, whatever the checkout says.

    How it gets this way
    `git pull` or an edit without `npm run build`.

    How it is seen
    Inode change times of the inputs against the output; contents against HEAD's reflog. Without git only times can
    be compared, and the finding says "likely". Who serves the build is seen by asking the project's own servers for /.

    What is not flagged
    A build that nothing serves (a note); development servers; tests, docs and stories; a touched or switched-back file.

    Fix, risk and undo
    Build beside the present output, then swap. The former build is kept; undo swaps it back.
    """
    for build in builds.builds:
        want_from = (
            f"find {build.frontend} -newercm {build.dist}/index.html -not -path '*/node_modules/*'"
        )
        have = builds.shows(
            f"built {build.built_at:%Y-%m-%d %H:%M:%S} UTC", f"stat -c %y {build.dist}/index.html"
        )
        if not build.newer:
            yield Fresh(
                f"build {build.dist}", builds.shows("no input changed since", want_from), have
            )
            continue
        yield _finding(builds, build, want_from)


def _finding(builds: Builds, build: Build, source: str) -> Finding:
    names = ", ".join(each.path for each in build.newer[:3])
    more = f" and {len(build.newer) - 3} more" if len(build.newer) > 3 else ""  # noqa: PLR2004 - fits a line
    served = f", served at {build.served_by[0]}" if build.served_by else ", which nothing serves"
    return Finding(
        f"build {build.dist}{served}",
        f"{names}{more}: changed since the build",
        want=builds.shows(f"{len(build.newer)} inputs changed since", source),
        have=builds.shows(
            f"built {build.built_at:%Y-%m-%d %H:%M:%S} UTC", f"stat -c %y {build.dist}/index.html"
        ),
        fix=Rebuild(build.frontend, build.kind, build.command, build.dist),
        severity=Severity.STALE if build.served_by else Severity.NOTE,
        proven=any(each.proven for each in build.newer),
        paths=tuple(f"{build.frontend}/{each.path}" for each in build.newer),
        explains=frozenset({f"build:{build.dist}"}),
        touches=frozenset({f"node:{build.frontend}"}),
    )
