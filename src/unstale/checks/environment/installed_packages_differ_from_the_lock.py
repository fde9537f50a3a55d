"""ENV001."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.actions.environment import SyncEnvironment
from unstale.check import check
from unstale.facts.environment import Environments
from unstale.facts.locks import Locks
from unstale.facts.requirements import Unmet, unmet
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "ENV001",
    "the installed packages differ from the lock",
    layer=Layer.ENVIRONMENT,
    since="0.1",
    fix=SyncEnvironment,
)
def installed_packages_differ_from_the_lock(
    environments: Environments, locks: Locks
) -> Iterator[Finding | Fresh]:
    """A package that the lock names is missing, or is there in another version.

    What it proves
    The environment's dist-info against the lock, for the environment's own Python and this
    platform.

    Why it matters
    The app runs, or fails, with code that nobody tested together.

    How it gets this way
    A pulled lock without an install, or an install by hand.

    How it is seen
    requirements.txt (ranges too), uv.lock, pylock.toml or poetry.lock; markers evaluated for the
    target.

    What is not flagged
    Packages that the lock does not name; dev groups and extras; other platforms' packages; a local
    label such as +cpu; a lock with only a new time; paths and URLs, which name no version.

    Fix, risk and undo
    Install the difference with uv; nothing is removed. The former environment is kept whole, undo
    swaps it back.
    """
    for locked in locks.locks:
        left = unmet(locked, environments)
        name = Path(locked.path).name
        have_from = f"{locked.prefix}/bin/python -m pip list"
        want = locks.shows(f"{len(locked.wanted)} packages as {name} says", locked.path)
        subject = f"environment {locked.prefix}"
        if not left:
            yield Fresh(subject, want, environments.shows(want.value, have_from))
            continue
        shown = ", ".join(f"{each.name} {version or 'missing'}" for each, version in left[:4])
        asked = ", ".join(f"{each.name}{each.specifier}" for each, _ in left[:4])
        yield Finding(
            subject,
            f"{len(left)} of {len(locked.wanted)} packages differ from {name}",
            want=locks.shows(asked, locked.path),
            have=environments.shows(shown, have_from),
            fix=SyncEnvironment(locked.prefix, locked.path, _pins(name, left)),
            paths=(locked.path,),
            explains=frozenset({f"environment:{locked.prefix}"}),
        )


def _pins(name: str, left: tuple[Unmet, ...]) -> tuple[str, ...]:
    """Return what differs where uv cannot read the lock itself."""
    if name != "poetry.lock":
        return ()
    return tuple(f"{each.name}{each.specifier}" for each, _ in left)
