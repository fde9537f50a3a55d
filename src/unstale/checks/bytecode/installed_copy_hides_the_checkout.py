"""PYC005."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.actions.environment import Reinstall
from unstale.check import check
from unstale.facts.app_processes import AppProcesses
from unstale.facts.installed_copies import Copy, InstalledCopies
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity

# these put the working directory before site-packages on sys.path
_CWD_FIRST = frozenset(("uvicorn", "gunicorn", "hypercorn", "flask", "daphne"))


@check(
    "PYC005",
    "an installed copy hides the checkout",
    layer=Layer.BYTECODE,
    since="0.1",
    fix=Reinstall,
)
def installed_copy_hides_the_checkout(
    copies: InstalledCopies, processes: AppProcesses | None
) -> Iterator[Finding | Fresh]:
    """The environment holds a copy of this project's package that differs from the checkout.

    What it proves
    direct_url.json (PEP 610) names this checkout, not as an editable; a module's hash differs
    between the two.

    Why it matters
    Edits in the checkout have no effect where the copy is imported.

    How it gets this way
    `pip install .` once, edits later.

    How it is seen
    The SHA-256 of each .py in the copy's RECORD against the file in the checkout.

    What is not flagged
    Editable installs; copies whose files are all equal (an image that installs on purpose); files
    that git ignores, because a build wrote them. A risk only: a copy that a running server passes
    over, because it was started in the checkout, which comes first on its path.

    Fix, risk and undo
    Install it again as an editable; the former environment is kept whole, undo swaps it back.
    Manual where the environment lies outside of the project.
    """
    for name, place in copies.following:
        follows = copies.shows(f"follows {place}", f"python -m pip show -f {name}")
        yield Fresh(f"{name} from the checkout", follows, follows)
    for copy in copies.copies:
        subject = f"{copy.name} in {copy.prefix}"
        want = copies.shows(f"{copy.compared} modules as in the checkout", copy.source)
        if not copy.differing:
            yield Fresh(subject, want, copies.shows(want.value, copy.site))
            continue
        first, more = copy.differing[0], len(copy.differing) - 1
        package = f"{copy.source}/{first}".removeprefix(f"{copy.place}/").partition("/")[0]
        install = Reinstall(copy.prefix, copy.source, copy.name)
        yield Finding(
            subject,
            f"{first} and {more} more differ" if more else f"{first} differs",
            want=want,
            have=copies.shows(
                f"{len(copy.differing)} of {copy.compared} modules differ",
                f"diff -r -x __pycache__ {copy.place}/{package} {copy.site}/{package}",
            ),
            fix=install if copy.ours else Edit(install.title(), install.preview()),
            severity=Severity.RISK if _passed_over(copy, processes) else Severity.STALE,
            paths=tuple(f"{copy.source}/{name}" for name in copy.differing),
            explains=frozenset({f"environment:{copy.prefix}"}),
        )


def _passed_over(copy: Copy, processes: AppProcesses | None) -> bool:
    """Return whether every server of that environment imports the checkout."""
    servers = processes.of("server") if processes is not None else ()
    mine = [each for each in servers if each.prefix == copy.prefix]
    return bool(mine) and all(
        each.cwd == copy.place and each.program in _CWD_FIRST for each in mine
    )
