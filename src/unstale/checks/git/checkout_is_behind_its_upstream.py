"""GIT002."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.actions.git import FastForward
from unstale.check import check
from unstale.facts.app_processes import AppProcesses
from unstale.facts.git import Checkout
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity


@check(
    "GIT002", "the checkout is behind its upstream", layer=Layer.GIT, since="0.1", fix=FastForward
)
def checkout_is_behind_its_upstream(
    checkout: Checkout, processes: AppProcesses | None
) -> Iterator[Finding | Fresh]:
    """Commits that are on the remote are not here, and this checkout is what is served.

    What it proves
    The remote names another commit for this branch than HEAD holds (`git ls-remote`), or the fetched upstream is ahead.

    Why it matters
    Everything below agrees with an old checkout, so everything below looks fresh.

    How it gets this way
    Merged but never pulled; or never fetched, so that "up to date" is old knowledge.

    How it is seen
    `git status --branch` and, unless --offline or mute for 5 s, `git ls-remote`.

    What is not flagged
    Ahead only; no upstream; a remote that does not answer. A feature branch, or a checkout that no server runs
    from: a note.

    Fix, risk and undo
    `git fetch`, then a fast-forward only. Undo returns to the former commit; edits made since are kept.
    """
    if checkout.upstream is None or checkout.upstream_commit is None:
        return
    want_commit = checkout.asked or checkout.upstream_commit
    unfetched = (
        checkout.asked not in (None, checkout.upstream_commit) and checkout.asked != checkout.head
    )
    source = f"git -C {checkout.top} ls-remote {checkout.upstream.replace('/', ' ', 1)}"
    if checkout.asked is None:
        source = f"git -C {checkout.top} rev-parse @{{u}}"
    want = checkout.shows(want_commit[:10], source)
    have = checkout.shows(checkout.head[:10], f"git -C {checkout.top} rev-parse HEAD")
    subject = f"checkout {checkout.branch}"
    if not checkout.behind and not unfetched:
        yield Fresh(subject, want, have)
        return
    serving = processes is not None and bool(processes.of("server"))
    default = checkout.default in (None, checkout.upstream)
    count = (
        f"{checkout.behind} commits behind"
        if checkout.behind
        else "not fetched: the remote has newer commits than"
    )
    diverged = checkout.ahead > 0
    yield Finding(
        subject,
        f"{count} {checkout.upstream}"
        + (", and ahead of it too: a merge is yours to make" if diverged else ""),
        want=want,
        have=have,
        fix=None if diverged else FastForward(checkout.top, checkout.head, checkout.upstream),
        severity=Severity.STALE if serving and default else Severity.NOTE,
        touches=frozenset({"checkout:behind"}),
    )
