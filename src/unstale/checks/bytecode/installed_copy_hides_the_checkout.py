"""PYC005."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.actions.environment import Reinstall
from unstale.check import check
from unstale.facts.installed_copies import InstalledCopies
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "PYC005",
    "an installed copy hides the checkout",
    layer=Layer.BYTECODE,
    since="0.1",
    fix=Reinstall,
)
def installed_copy_hides_the_checkout(copies: InstalledCopies) -> Iterator[Finding | Fresh]:
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
    Editable installs; copies whose files are all equal (an image that installs on purpose);
    generated files.

    Fix, risk and undo
    Install it again as an editable. The former environment is kept whole, undo swaps it back.
    """
    for copy in copies.copies:
        subject = f"{copy.name} in {copy.prefix}"
        want = copies.shows(f"{copy.compared} modules as in the checkout", copy.source)
        if not copy.differing:
            yield Fresh(subject, want, copies.shows(want.value, copy.site))
            continue
        first = copy.differing[0]
        yield Finding(
            subject,
            f"{first} and {len(copy.differing) - 1} more differ"
            if len(copy.differing) > 1
            else f"{first} differs",
            want=want,
            have=copies.shows(
                f"{len(copy.differing)} of {copy.compared} modules differ",
                f"diff -r {copy.source} {copy.site}/{first.removeprefix('src/').partition('/')[0]}",
            ),
            fix=Reinstall(copy.prefix, copy.source, copy.name),
            paths=tuple(f"{copy.source}/{name}" for name in copy.differing),
            explains=frozenset({f"environment:{copy.prefix}"}),
        )
