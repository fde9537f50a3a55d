"""Changes things: the engine of fix, with a journal line before and after each effect, and proof."""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unstale import codec
from unstale.action import Action, Keep
from unstale.check import by_code
from unstale.errors import Halted, Unavailable, UnstaleError
from unstale.examine import examine
from unstale.fact import Facts
from unstale.journal import Journal, user
from unstale.layer import Risk
from unstale.plan import Plan, Step, veto
from unstale.redact import mask

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step: planned, done, failed, refused, skipped or manual."""

    id: int
    step: Step
    state: str
    note: str = ""
    undoable: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "note", mask(self.note))


@dataclass(frozen=True, slots=True)
class Run:
    """One changing command: its id names its journal lines and its trash."""

    id: str
    journal: Journal
    trash: Path
    state: Path

    def keep(self, number: int) -> Keep:
        """Return where the step of that number keeps what it replaces."""
        return Keep(
            self.trash / self.id / str(number), self.state / "backups" / self.id / str(number)
        )


def begin(facts: Facts, command: str, *, whole: bool = False, target: str = "") -> Run:
    """Open a run. Call it while holding the lock. `whole`: it must not end half-way; `target` is the run it undoes."""
    project = facts.project
    now = facts.host.now()
    run = Run(
        f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        Journal(project.state),
        project.trash,
        project.state,
    )
    words: dict[str, Any] = {"command": command, "by": user(), "root": str(project.root)}
    words.update({"whole": True} if whole else {}, **({"target": target} if target else {}))
    run.journal.append(now, run.id, "begin", words)
    return run


def perform(
    run: Run, todo: Plan, facts: Facts, *, limit: Risk, first: int = 1, say: Say
) -> Iterator[Outcome]:
    """Do the steps up to the risk limit, each proven by its own checks on new facts.

    What a step was to cure and forbids restarts forbids them still when the step is not done.
    """
    forbidden = todo.forbidden
    for number, step in enumerate(todo.steps, first):
        action = step.action
        if action.risk is Risk.MANUAL:
            outcome = Outcome(number, step, "manual", "a person must make this edit")
        elif action.risk > limit:
            outcome = Outcome(
                number,
                step,
                "skipped",
                f"it is {action.risk.word}: allow it with --risk {action.risk.word}",
            )
        elif action.restarts and forbidden:
            outcome = Outcome(number, step, "refused", f"no restart while this stands: {forbidden}")
        else:
            say(action.title())
            facts = facts.again()
            outcome = _do(run, number, step, facts)
        if outcome.state != "done":
            vetoes = (veto(each) for each in step.cures if each.finding.forbids_restart)
            forbidden = forbidden or next(vetoes, None)
        yield outcome


def _do(run: Run, number: int, step: Step, facts: Facts) -> Outcome:
    action = step.action
    now = facts.host.now
    try:
        if action.settled(facts):
            return Outcome(number, step, "done", "nothing was left to do")
        why_not = action.blocked(facts)
        if why_not is not None:
            run.journal.append(
                now(),
                run.id,
                "refused",
                {"step": number, "title": action.title(), "why": mask(why_not)},
            )
            return Outcome(number, step, "refused", why_not)
        inverse = action.inverse(facts, run.keep(number))
    except (Unavailable, OSError) as error:
        return Outcome(number, step, "refused", f"the pre-flight could not look: {error}")
    run.journal.append(now(), run.id, "intent", intent(number, step, inverse))
    try:
        said = action.apply(facts.host, run.keep(number))
    except (UnstaleError, OSError) as error:
        return _unwound(run, Outcome(number, step, "failed", str(error)), inverse, facts)
    left = _uncured(step, facts)
    if left:
        return _unwound(
            run, Outcome(number, step, "failed", f"it did not cure {left}"), inverse, facts
        )
    note = said if isinstance(said, str) else ""
    words = {"step": number, **({"why": mask(note)} if note else {})}
    if isinstance(said, dict):
        words["outcome"] = said
    run.journal.append(now(), run.id, "done", words)
    return Outcome(number, step, "done", note, undoable=inverse is not None)


def _uncured(step: Step, facts: Facts) -> str:
    """Judge the step's own checks again; return the ids that are still found."""
    checks = [each for each in map(by_code, step.codes) if each is not None]
    cured = {each.id for each in step.cures}
    report = examine(facts.again(), checks)
    return ", ".join(each.id for each in report.findings if each.id in cured)


def _unwound(run: Run, outcome: Outcome, inverse: Action | None, facts: Facts) -> Outcome:
    """Take a failed step back where its inverse can; else say what stands."""
    note = outcome.note
    if inverse is not None:
        try:
            inverse.apply(facts.host, run.keep(outcome.id))
            note += "; taken back"
        except (UnstaleError, OSError) as error:
            note += mask(f"; could not be taken back: {error}")
    run.journal.append(facts.host.now(), run.id, "failed", {"step": outcome.id, "why": note})
    return replace(outcome, note=note)


def intent(number: int, step: Step, inverse: Action | None) -> dict[str, Any]:
    """Return the journal's words for a step that is about to be done."""
    return {
        "step": number,
        "title": step.action.title(),
        "codes": list(step.codes),
        "risk": step.action.risk.word,
        **({"action": pack(step.action.journaled())} if decides(step.action) else {}),
        "inverse": inverse and pack(inverse),
    }


def decides(action: Action) -> bool:
    """Return whether the action itself decides what a kill leaves of it."""
    return type(action).recover is not Action.recover


def pack(action: Action) -> dict[str, Any]:
    """Return the action as JSON values, its type by name."""
    kind = type(action)
    return {"type": f"{kind.__module__}:{kind.__qualname__}", "data": codec.encode(action)}


def unpack(packed: dict[str, Any]) -> Action:
    """Return the action of `pack`. Raises Halted for a type that this version does not know."""
    module, _, name = packed["type"].partition(":")
    if module == "unstale.action" or module.startswith("unstale.actions."):
        kind = getattr(importlib.import_module(module), name, None)
        if isinstance(kind, type) and issubclass(kind, Action):
            return codec.decode(kind, packed["data"])  # type: ignore[no-any-return]  # the codec returns `kind`
    raise Halted(
        what="the journal names an action that this version does not know",
        why=packed["type"],
        next="Use the version of unstale that wrote it.",
    )
