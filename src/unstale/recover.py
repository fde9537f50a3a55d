"""Decides what a killed run left: each step that has an intent and no outcome, newest first."""

from __future__ import annotations

from typing import Any

from unstale.action import Action
from unstale.errors import UnstaleError
from unstale.fact import Facts
from unstale.journal import Journal, Line
from unstale.perform import Run, Say, unpack
from unstale.redact import mask


def recover(facts: Facts, say: Say) -> tuple[str, ...]:
    """Take each interrupted step back, or finish it where that is the safe way; return a line for each.

    Call it while holding the lock, before anything is planned. A step that cannot be decided is journaled
    as failed, with why, so that it is said once and a person can look.
    """
    journal = Journal(facts.project.state)
    told = []
    for line in undecided(journal.lines()):
        run = Run(line.run, journal, facts.project.trash, facts.project.state)
        number = line.data["step"]
        say(f"deciding step {number} of the interrupted run {line.run}: {line.data['title']}")
        event, what = _decided(facts.again(), run, number, line.data)
        words = {"step": number, "why": mask(f"interrupted; {what}")}
        journal.append(facts.host.now(), line.run, event, words)
        told.append(mask(f"{line.data['title']}: interrupted in run {line.run}; {what}"))
    return tuple(told)


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
    if "action" not in data:
        return "failed", "an older version of unstale began it, and may or may not have done it"
    try:
        if "undoes" in data:  # what takes a step back may be done again
            _unpacked(data, "action").apply(facts.host, keep)
            return "done", "finished"
        what = _unpacked(data, "action").recover(facts, keep)
        if what is not None:
            return "failed", what
        if data["inverse"] is None:
            return "failed", "it may or may not have been done"
        _unpacked(data, "inverse").apply(facts.host, keep)
    except (UnstaleError, OSError) as error:
        return "failed", f"it could not be decided: {error}"
    return "failed", "taken back"


def _unpacked(data: dict[str, Any], key: str) -> Action:
    return unpack(data[key])
