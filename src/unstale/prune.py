"""Keeps trash and backups within limits, and never removes the only copy of data.

The trash holds what can be made again. A backup goes only where a newer one of the same database is whole and the
live database can be read. Age is what the journal witnessed, so no single reading of a clock can make anything old.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from unstale.errors import UnstaleError
from unstale.expendable import copies, expendable
from unstale.fact import Facts
from unstale.history import History, history
from unstale.host import Host
from unstale.journal import Line
from unstale.perform import Run

NEWEST = 3
"""The newest runs are kept whatever their age and size, by the journal's order."""

SILENCE = timedelta(days=1)
"""What the time between two lines counts for at most: a clock that jumps ages nothing by more."""

REMOVING = ".removing"
"""How the name of what is being deleted ends."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much is kept."""

    age: timedelta
    size: int

    @property
    def words(self) -> str:
        """Return them as a person says them."""
        return f"{self.age.days} days and {self.size >> 30} GiB"


TRASH = Limits(timedelta(days=14), 5 << 30)
"""As long as git keeps what nothing refers to (git-gc(1), gc.pruneExpire); a node_modules of 0.5 GiB ten times."""

BACKUPS = Limits(timedelta(days=30), 10 << 30)
"""As long as git remembers where a lost commit was (git-gc(1), gc.reflogExpireUnreachable); 1 GiB ten times."""


def prune(
    facts: Facts, run: Run, *, trash: Limits = TRASH, backups: Limits = BACKUPS
) -> tuple[str, ...]:
    """Remove what is over the limits; return a sentence for each directory removed or not removable.

    Call it at the end of a changing command, under its lock. The journal says what goes before it goes. What cannot
    be removed stays and is said: it never fails the command.
    """
    lines = run.journal.lines()
    past = history(lines)
    ages = witnessed(lines)
    homes = ((run.trash, facts.project.root, trash), (run.state / "backups", run.state, backups))
    said: list[str] = []
    for home, anchor, limits in homes:
        try:
            if not _plain(facts.host, anchor, home):
                continue
            said += _finish(facts.host, home, anchor, past)
            over = tuple(_over(facts.host, home, past, ages, limits))
            known = copies(facts.host, home, past) if over else ()
            doomed = tuple(each for each in over if expendable(facts, home, each, known))
            said += _remove(facts.host, run, home, anchor, past, doomed, limits.words)
        except (UnstaleError, OSError) as error:
            said.append(f"{home} was not pruned: {error}")
    return tuple(said)


def witnessed(lines: tuple[Line, ...]) -> dict[str, timedelta]:
    """Return each run's age by the time that passed from line to line since its last one.

    A silence counts for a day at most, a clock that went back for nothing.
    """
    ages: dict[str, timedelta] = {}
    age = timedelta()
    for line, after in zip(reversed(lines), [None, *reversed(lines)], strict=False):
        if after is not None:
            age += min(max(after.at - line.at, timedelta()), SILENCE)
        ages.setdefault(line.run, age)
    return ages


def _plain(host: Host, anchor: Path, home: Path) -> bool:
    """Return whether it is there, and it and what lies above it up to the anchor are no links."""
    places = [home, *(each for each in home.parents if each.is_relative_to(anchor))][:-1]
    seen = [host.stat(str(each), follow=False) for each in places]
    return all(each is not None and each.kind == "dir" for each in seen)


def _finish(host: Host, home: Path, anchor: Path, past: History) -> Iterator[str]:
    """Go on with deletions that were cut off."""
    for name in host.names(str(home)):
        if name.endswith(REMOVING) and past.begun(name.removesuffix(REMOVING)):
            yield from _removed(host, home, anchor, name, "its removal had been cut off")


def _over(
    host: Host, home: Path, past: History, ages: dict[str, timedelta], limits: Limits
) -> Iterator[str]:
    """Yield the runs to remove, oldest first; never the newest, an undecided one, or one that the journal misses."""
    names = host.names(str(home))
    order = [each.run for each in past.runs if each.run in names]
    unsettled = {each.run for each in past.deeds if each.state == "undecided"}
    old = order[:-NEWEST]
    sizes = {name: host.usage(f"{home}/{name}") for name in order} if old else {}
    total = sum(sizes.values())
    for name in old:
        if name not in unsettled and (ages[name] > limits.age or total > limits.size):
            total -= sizes[name]
            yield name


def _remove(  # noqa: PLR0917 - where, what and why
    host: Host,
    run: Run,
    home: Path,
    anchor: Path,
    past: History,
    doomed: tuple[str, ...],
    limits: str,
) -> Iterator[str]:
    why = f"not of the newest {NEWEST} runs, and over {limits}"
    places = [f"{home.name}/{name}" for name in doomed]
    if not set(places) <= past.pruned.keys():
        run.journal.append(host.now(), run.id, "note", {"pruned": places, "why": why})
    for name in doomed:
        yield from _removed(host, home, anchor, name, why)


def _removed(host: Host, home: Path, anchor: Path, name: str, why: str) -> Iterator[str]:
    try:
        count = host.remove(f"{home}/{name}", str(anchor))
        yield f"removed the {home.name} of {name.removesuffix(REMOVING)} ({count} files): {why}"
    except (UnstaleError, OSError) as error:
        yield f"the {home.name} of {name} stayed: {error}"
