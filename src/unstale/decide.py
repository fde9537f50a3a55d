"""Decides the steps that a kill left open, where the machine itself tells whether they came to their effect."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from unstale.action import Action, Keep
from unstale.errors import UnstaleError
from unstale.fact import Facts
from unstale.host import Host
from unstale.journal import Journal, Line
from unstale.perform import unpack
from unstale.redact import mask

_ENDS = ("done", "failed", "refused")


@runtime_checkable
class Deciding(Protocol):
    """An inverse that can tell whether there is anything to take back."""

    def happened(self, host: Host) -> bool:
        """Return whether the step came to its effect."""


def decide(facts: Facts, journal: Journal) -> tuple[str, ...]:
    """Write the outcome of each open step that can be told; call it while holding the lock.

    A step that came to its effect is done, and can be undone. What another left is taken back. Return what was decided
    in words.
    """
    said = []
    for line in _open(journal):
        inverse = unpack(line.data["inverse"]) if line.data.get("inverse") else None
        if inverse is not None and isinstance(inverse, Deciding):
            said.append(_decided(facts, journal, line, inverse))
    return tuple(said)


def _open(journal: Journal) -> list[Line]:
    lines = journal.lines()
    ended = {(each.run, each.data["step"]) for each in lines if each.event in _ENDS}
    return [
        each
        for each in lines
        if each.event == "intent" and (each.run, each.data["step"]) not in ended
    ]


def _decided(facts: Facts, journal: Journal, line: Line, inverse: Action) -> str:
    project, step = facts.project, line.data["step"]
    places = (project.trash, project.state / "backups")
    keep = Keep(*(place / line.run / f"{step}" for place in places))
    words = f"step {step} of {line.run} was cut off"
    assert isinstance(inverse, Deciding)  # noqa: S101 - asked before
    if inverse.happened(facts.host):
        journal.append(facts.host.now(), line.run, "done", {"step": step})
        return f"{words} after its effect: {line.data['title']}"
    try:
        inverse.apply(facts.host, keep)
    except (UnstaleError, OSError) as error:
        return f"{words}, and what it left could not be taken back: {mask(str(error))}"
    why = "it was cut off before its effect; what it left is taken back"
    journal.append(facts.host.now(), line.run, "failed", {"step": step, "why": why})
    return f"{words} before its effect: {line.data['title']}"
