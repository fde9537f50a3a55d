"""BLD002."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.actions.node import Rebuild
from unstale.check import check
from unstale.facts.build import Builds
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity


@check("BLD002", "the build baked in former values", layer=Layer.BUILD, since="0.1", fix=Rebuild)
def build_baked_in_former_values(builds: Builds) -> Iterator[Finding | Fresh]:
    """A VITE_ or NEXT_PUBLIC_ variable was changed after the build that carries its former value.

    What it proves
    A key that the sources use has, in an env file written after the build, a value that is nowhere in the bundle.

    Why it matters
    The browser calls the former address or shows the former name; restarting a server changes nothing.

    How it gets this way
    These values are copied into the bundle at build time; the file was edited later.

    How it is seen
    Vite's env files in Vite's order, `import.meta.env.KEY` in the sources, the text of the built files. Values are
    compared, never shown.

    What is not flagged
    Unused keys, values under 6 characters, files older than the build, a build that nothing serves (a note).

    Fix, risk and undo
    Build beside the present output, then swap. The former build is kept; undo swaps it back.
    """
    for build in builds.builds:
        source = f"ls -l --time-style=full-iso {build.env_file or build.frontend + '/.env*'} {build.dist}/index.html"
        if not build.unbaked:
            proof = builds.shows("no used value was written since the build", source)
            yield Fresh(f"values in {build.dist}", proof, proof)
            continue
        keys = ", ".join(build.unbaked)
        yield Finding(
            f"build {build.dist}",
            f"{keys}: {Path(build.env_file).name} was written after the build, and its value is not in it",
            want=builds.shows(f"{keys} as in {Path(build.env_file).name}", build.env_file),
            have=builds.shows("not this value", f'grep -rlF "$VALUE" {build.dist}'),
            fix=Rebuild(build.frontend, build.kind, build.command, build.dist),
            proven=False,  # a minifier may have folded the value away
            severity=Severity.STALE if build.served_by else Severity.NOTE,
            paths=(build.env_file,),
            touches=frozenset({f"build:{build.dist}"}),
        )
