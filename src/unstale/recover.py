"""Decides what a killed run left: each step that has an intent and no outcome, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from unstale.action import Action, Keep
from unstale.actions.stragglers import end_stragglers
from unstale.errors import UnstaleError
from unstale.fact import Facts
from unstale.host import Host
from unstale.journal import Journal, Line
from unstale.perform import Run, Say, begin, unpack
from unstale.redact import mask
from unstale.stores.find import one
from unstale.stores.postgres import PostgresStore
from unstale.stores.postgres_twin import SCRATCH, drop_scratch
from unstale.undo import undo

_DEPTH = 3  # levels: scratch/RANDOM/copy
_COPY = re.compile(
    r"[0-9a-f]{32}\.db(?:-wal|-shm|-journal)?|[0-9a-f]{32}\.jsonl|unstale_[0-9a-f]{16}\.(?:dump|scratch)"
)


@runtime_checkable
class Deciding(Protocol):
    """An inverse that can tell whether there is anything to take back."""

    def happened(self, host: Host) -> bool:
        """Return whether the step came to its effect."""


def recover(facts: Facts, say: Say) -> tuple[str, ...]:
    """Take each interrupted step back, or finish it where that is the safe way; return a line for each.

    Of a run that must not end half-way, the steps that were done are taken back too; an undo is finished. Call
    it while holding the lock, before anything is planned. A step that cannot be decided is journaled as failed,
    with why, so that it is said once and a person can look.
    """
    journal = Journal(facts.project.state)
    left = undecided(journal.lines())
    if left:
        end_stragglers(facts, left[-1].at)
    told = [mask(each) for each in _swept(facts.again(), left)]
    for line in left:
        run = Run(line.run, journal, facts.project.trash, facts.project.state)
        number = line.data["step"]
        say(f"deciding step {number} of the interrupted run {line.run}: {line.data['title']}")
        event, what = _decided(facts.again(), run, number, line.data)
        words = {"step": number, "why": mask(f"interrupted; {what}")}
        journal.append(facts.host.now(), line.run, event, words)
        told.append(mask(f"{line.data['title']}: interrupted in run {line.run}; {what}"))
    halves = _half(journal.lines())
    told += [mask(_made_whole(facts.again(), journal, line, say)) for line in halves]
    return tuple(told)


def _swept(facts: Facts, left: tuple[Line, ...]) -> Iterator[str]:
    """Remove the copies of databases that killed rehearsals left: under the lock nobody else has one."""
    project, run = facts.project, Journal(facts.project.state)
    keeps = [
        Run(line.run, run, project.trash, project.state).keep(line.data["step"]) for line in left
    ]
    places = [project.state / "rehearsal", project.state / "scratch", project.trash / "rehearsal"]
    for place in (*places, *(each for keep in keeps for each in (keep.state, keep.trash))):
        try:
            names = _scratches(facts.host, place)
            for name in names:  # what names one on a server goes last, and only with it
                if name.endswith(SCRATCH):
                    _drop(facts, name)
                facts.host.discard(name)
            if names:
                yield f"removed the copy that an interrupted rehearsal left in {place}"
        except (UnstaleError, OSError) as error:
            yield f"the copy that an interrupted rehearsal left in {place} stays: {error}"


def _scratches(host: Host, place: Path) -> list[str]:
    seen = host.stat(str(place), follow=False)
    if seen is None or seen.kind != "dir":
        return []
    files = (each.path for each in host.walk(str(place), depth=_DEPTH) if each.kind == "file")
    found = (f"{place}/{each}" for each in files if _COPY.fullmatch(Path(each).name))
    return sorted(found, key=lambda each: each.endswith(SCRATCH))


def _drop(facts: Facts, mark: str) -> None:
    store = one(facts, facts.host.read(mark).decode())
    if isinstance(store, PostgresStore):
        name = Path(mark).name.removesuffix(SCRATCH)
        drop_scratch(facts.host, store.environment(facts.host), name)


def _half(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the beginnings of runs that must not end half-way and have no end, newest first."""
    ended = {line.run for line in lines if line.event == "end"}
    begun = (line for line in lines if line.event == "begin" and line.data.get("whole"))
    return tuple(line for line in reversed([*begun]) if line.run not in ended)


def _made_whole(facts: Facts, journal: Journal, line: Line, say: Say) -> str:
    command, target = line.data["command"], line.data.get("target") or line.run
    run = begin(facts, "undo", target=target)
    try:
        done = len(list(undo(facts, run, target, say=say)))
        what = "finished" if line.data.get("target") else f"its {done} steps are taken back"
    except (UnstaleError, OSError) as error:
        what = f"not all of {target} could be taken back: {error}"
    for each in (run.id, line.run):
        journal.append(facts.host.now(), each, "end", {"why": mask(f"interrupted; {what}")})
    return f"{command} {line.run} was interrupted; {what}"


def undecided(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the intents without an outcome, newest first."""
    outcomes = {(line.run, line.data["step"]) for line in lines if line.event in ("done", "failed")}
    intents = (line for line in lines if line.event == "intent")
    return tuple(
        line for line in reversed([*intents]) if (line.run, line.data["step"]) not in outcomes
    )


def _decided(facts: Facts, run: Run, number: int, data: dict[str, Any]) -> tuple[str, str]:
    """Return the event that closes the step, and what became of it."""
    keep = run.keep(number)
    try:
        if "undoes" in data and "action" in data:  # what takes a step back may be done again
            _unpacked(data, "action").apply(facts.host, keep)
            return "done", "finished"
        decided = _unpacked(data, "action").recover(facts, keep) if "action" in data else None
        if decided is not None:
            return "done" if decided.done else "failed", decided.words
        return _by_inverse(facts, keep, data)
    except (UnstaleError, OSError) as error:
        return "failed", f"it could not be decided: {error}"


def _by_inverse(facts: Facts, keep: Keep, data: dict[str, Any]) -> tuple[str, str]:
    if data["inverse"] is None:
        return "failed", "it may or may not have been done"
    inverse = _unpacked(data, "inverse")
    if isinstance(inverse, Deciding) and inverse.happened(facts.host):
        return "done", "that was after its effect"
    inverse.apply(facts.host, keep)
    return "failed", "what it left before its effect is taken back"


def _unpacked(data: dict[str, Any], key: str) -> Action:
    return unpack(data[key])
