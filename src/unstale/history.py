"""What the journal says was done, taken back, pruned or left undecided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any

from unstale.journal import Line


@dataclass(frozen=True, slots=True)
class Deed:
    """One step of a run. `state` is done, failed or undecided: begun, and its end is not recorded."""

    run: str
    step: int
    at: datetime
    title: str
    codes: tuple[str, ...]
    inverse: dict[str, Any] | None
    undoes: tuple[str, int] | None
    state: str

    @property
    def key(self) -> tuple[str, int]:
        """Return the run and the step."""
        return self.run, self.step

    @property
    def places(self) -> frozenset[str]:
        """Return what taking it back would change: paths, or the kind of action where it names none."""
        data = self.inverse["data"] if self.inverse else {}
        named = {str(data[name]) for name in ("original", "path") if data.get(name)}
        named |= {f"{name}:{data[name]}" for name in ("top", "reference") if data.get(name)}
        named |= {original for _, original in data.get("pairs", ())}
        return frozenset(named or ({self.inverse["type"]} if self.inverse else ()))


@dataclass(frozen=True, slots=True)
class Begun:
    """A run's first line."""

    run: str
    at: datetime
    command: str
    root: str
    version: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything that the lines tell, in their order, which no clock can change."""

    runs: tuple[Begun, ...] = ()
    deeds: tuple[Deed, ...] = ()
    pruned: dict[str, datetime] = field(default_factory=dict)
    """When each directory ("trash/RUN", "backups/RUN") was removed."""
    undone: dict[tuple[str, int], Deed] = field(default_factory=dict)
    """Which step took each step back."""

    def of(self, run: str) -> tuple[Deed, ...]:
        """Return a run's steps."""
        return tuple(each for each in self.deeds if each.run == run)

    def begun(self, run: str) -> Begun | None:
        """Return a run's first line, or None where there is none."""
        return next((each for each in self.runs if each.run == run), None)

    def open(self, run: str) -> tuple[Deed, ...]:
        """Return a run's steps that are done, have a way back and were not taken back, newest first."""
        found = (each for each in self.of(run) if each.state == "done" and each.inverse is not None)
        return tuple(sorted((each for each in found if each.key not in self.undone), key=_newest))

    def newest(self, deed: Deed) -> Deed:
        """Return the last of what took this step back, what took that back, and so on; itself where nothing did."""
        while deed.key in self.undone:
            deed = self.undone[deed.key]
        return deed

    def standing(self) -> tuple[Deed, ...]:
        """Return the steps whose effect is there; an undo and what it took back leave nothing, a redo does."""
        by_key = {each.key: each for each in self.deeds}
        found = (each for run in self.runs for each in self.open(run.run))
        return tuple(each for each in found if not _takes_away(each, by_key))

    def later(self, deeds: Iterable[Deed]) -> tuple[tuple[Deed, Deed], ...]:
        """Return (step, later step that changed the same and stands) for each of these steps."""
        mine = tuple(deeds)
        standing = self.standing()
        order = {each.key: at for at, each in enumerate(self.deeds)}
        return tuple(
            (each, other)
            for each in mine
            for other in standing
            if other not in mine and order[other.key] > order[each.key] and overlapping(each, other)
        )


def history(lines: Iterable[Line]) -> History:
    """Return what the lines tell."""
    runs: list[Begun] = []
    intents: dict[tuple[str, int], Line] = {}
    states: dict[tuple[str, int], str] = {}
    pruned: dict[str, datetime] = {}
    for line in lines:
        key = (line.run, line.data.get("step", 0))
        if line.event == "begin":
            words = (line.data["command"], line.data.get("root", ""), line.version)
            runs.append(Begun(line.run, line.at, *words))
        elif line.event == "intent":
            intents[key] = line
            states[key] = "undecided"
        elif line.event in ("done", "failed") and key in intents:
            states[key] = line.event
        for place in line.data.get("pruned", ()):
            pruned[place] = line.at
    deeds = tuple(_deed(line, states[key]) for key, line in intents.items())
    undone = {each.undoes: each for each in deeds if each.undoes and each.state == "done"}
    return History(tuple(runs), deeds, pruned, undone)


def _newest(deed: Deed) -> int:
    return -deed.step


def _deed(line: Line, state: str) -> Deed:
    data = line.data
    undoes = data.get("undoes")
    return Deed(
        run=line.run,
        step=data["step"],
        at=line.at,
        title=data["title"],
        codes=tuple(data.get("codes", ())),
        inverse=data.get("inverse"),
        undoes=(undoes[0], undoes[1]) if undoes else None,
        state=state,
    )


def _takes_away(deed: Deed, by_key: dict[tuple[str, int], Deed]) -> bool:
    """Return whether it is an undo, and not the undo of one."""
    depth = 0
    while deed.undoes in by_key:
        depth += 1
        deed = by_key[deed.undoes]
    return depth % 2 == 1


def overlapping(one: Deed, other: Deed) -> bool:
    """Return whether both change the same thing, or one changes what lies inside the other's."""
    return _inside(one.places, other.places) or _inside(other.places, one.places)


def _inside(places: frozenset[str], others: frozenset[str]) -> bool:
    return any(
        each in others or any(str(parent) in others for parent in PurePath(each).parents)
        for each in places
    )
