"""GIT004."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.actions.git import StashAndFastForward
from unstale.check import check
from unstale.facts.git import Checkout
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "GIT004", "local edits block the pull", layer=Layer.GIT, since="0.1", fix=StashAndFastForward
)
def local_edits_block_the_pull(checkout: Checkout) -> Iterator[Finding | Fresh]:
    """The next pull aborts, because a file that it brings was edited here.

    What it proves
    A path that differs from HEAD, or is untracked, is also a path that the upstream's commits change.

    Why it matters
    Every pull fails from now on, often unseen in a script; all later links agree with an old checkout.

    How it gets this way
    A hot fix on the server, or a file that a build or an editor rewrote.

    How it is seen
    `git status --porcelain=v2` meets `git diff --name-only HEAD...@{u}`.

    What is not flagged
    Edits that the upstream does not touch: such a pull works. A branch without upstream.

    Fix, risk and undo
    Stash these edits by name and fast-forward; other edits stay. Undo resets to the former commit and pops the
    stash. A branch that is also ahead needs a merge, which is yours.
    """
    if checkout.upstream is None:
        return
    incoming = set(checkout.incoming)
    blocking = tuple(change.path for change in checkout.changes if change.path in incoming)
    edited = checkout.shows(
        f"{len(blocking)} edited that it changes", f"git -C {checkout.top} status --short"
    )
    clean = checkout.shows(
        "0 edited that it changes", f"git -C {checkout.top} diff --name-only HEAD...@{{u}}"
    )
    if not blocking:
        yield Fresh(f"pull of {checkout.upstream}", clean, edited)
        return
    yield Finding(
        f"checkout {checkout.branch}",
        f"a pull of {checkout.upstream} would overwrite {', '.join(blocking[:3])}{' …' if len(blocking) > 3 else ''}",  # noqa: PLR2004 - fits a line
        want=clean,
        have=edited,
        fix=_aside(checkout, blocking),
        paths=tuple(f"{checkout.top}/{path}" for path in blocking),
        explains=frozenset({"checkout:behind"}),
    )


def _aside(checkout: Checkout, blocking: tuple[str, ...]) -> StashAndFastForward | None:
    """Return the fix; None for a branch that cannot be fast-forwarded."""
    if checkout.ahead or checkout.upstream is None:
        return None
    return StashAndFastForward(checkout.top, checkout.head, checkout.upstream, blocking)
