"""Holds the journal against the machine: every step has an end, and what undo promises is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unstale.errors import Refused, UnstaleError
from unstale.history import Deed, History, history
from unstale.host import Host
from unstale.journal import Journal
from unstale.promise import inverse_of, lacking, removed


@dataclass(frozen=True, slots=True)
class Doubt:
    """One step that is not as the journal promises. `kind` is undecided, missing or foreign (of another version)."""

    run: str
    step: int
    kind: str
    because: str
    next: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: how many lines, steps and ways back, which of these were pruned, and what is in doubt.

    `torn`: the last line was cut off in writing, and the next change cuts it; nothing is lost by that alone.
    """

    lines: int
    steps: int
    undoable: int
    pruned: int
    torn: bool
    doubts: tuple[Doubt, ...]


def verify(journal: Journal, host: Host, run: str | None = None) -> Verified:
    """Verify every line's checksum, each step's end and each way back; of one run where it is named.

    Only looks. Reads each kept database whole. Raises Halted for a damaged journal, Refused for a newer one.
    """
    lines = journal.lines()
    past = history(lines)
    runs = tuple(each.run for each in past.runs if run in (None, each.run))
    deeds = tuple(each for each in past.deeds if each.run in runs)
    ways = tuple(each for begun in runs for each in past.open(begun))
    doubts = [_undecided(each) for each in deeds if each.state == "undecided"]
    doubts += [doubt for each in ways for doubt in _doubts(past, host, each)]
    pruned = sum(each.kind == "pruned" for each in doubts)
    return Verified(
        lines=len(lines),
        steps=len(deeds),
        undoable=len(ways) - pruned,
        pruned=pruned,
        torn=journal.torn(),
        doubts=tuple(each for each in doubts if each.kind != "pruned"),
    )


def _undecided(deed: Deed) -> Doubt:
    since = f"{deed.at:%Y-%m-%d %H:%M:%S}"
    because = f"{deed.title}: it was begun at {since}, and its end is not recorded"
    return Doubt(deed.run, deed.step, "undecided", because, "unstale check")


def _doubts(past: History, host: Host, deed: Deed) -> Iterator[Doubt]:
    try:
        missing = lacking(inverse_of(deed, past), host, deed)
    except Refused as error:
        yield Doubt(deed.run, deed.step, "foreign", f"{deed.title}: {error.why}", error.next)
        return
    except (UnstaleError, OSError) as error:
        missing = f"it could not be looked at: {error}"
    if missing is not None:
        kind = "pruned" if removed(past, deed, missing) else "missing"
        advice = "This step cannot be taken back."
        yield Doubt(deed.run, deed.step, kind, f"{deed.title}: {missing}", advice)
