"""Takes a run back from its journal, newest step first; what cannot be taken back is said before anything changes."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Action
from unstale.errors import Failed, Refused, UnstaleError
from unstale.fact import Facts
from unstale.journal import Journal
from unstale.perform import Outcome, Run, Say, intent, unpack
from unstale.plan import Step
from unstale.redact import mask


def undo(facts: Facts, run: Run, target: str, *, say: Say) -> Iterator[Outcome]:
    """Take back every undoable step of the run `target`, newest first.

    Raises Refused before anything is touched, Failed when a later step is in the way.
    """
    steps = undoable(run.journal, target)
    for step, inverse in steps:
        why_not = inverse.blocked(facts.again())
        if why_not is not None:
            raise Refused(
                what=f"step {step} of {target} is not taken back",
                why=why_not,
                next="Nothing was changed.",
            )
    for number, (step, inverse) in enumerate(steps, 1):
        say(inverse.title())
        try:
            yield _take_back(facts.again(), run, number, inverse, (target, step))
        except (UnstaleError, OSError) as error:
            words = {"step": number, "why": mask(str(error))}
            run.journal.append(facts.host.now(), run.id, "failed", words)
            raise Failed(
                what=f"step {step} of {target} was not taken back",
                why=str(error),
                next="unstale log says which steps were.",
            ) from None


def _take_back(
    facts: Facts, run: Run, number: int, inverse: Action, undoes: tuple[str, int]
) -> Outcome:
    why_not = inverse.blocked(facts)
    if why_not is not None:
        raise Failed(what=inverse.title(), why=why_not, next="Look at it.")
    back = inverse.inverse(facts, run.keep(number))
    todo = Step(inverse, ())
    words = {**intent(number, todo, back), "undoes": list(undoes)}
    run.journal.append(facts.host.now(), run.id, "intent", words)
    inverse.apply(facts.host, run.keep(number))
    run.journal.append(facts.host.now(), run.id, "done", {"step": number})
    return Outcome(number, todo, "done", undoable=back is not None)


def undoable(journal: Journal, target: str) -> list[tuple[int, Action]]:
    """Return (step, inverse) of what the run did and nobody took back yet, newest first."""
    lines = journal.lines()
    intents = {
        line.data["step"]: line.data
        for line in lines
        if line.run == target and line.event == "intent"
    }
    done = {line.data["step"] for line in lines if line.run == target and line.event == "done"}
    finished = {(line.run, line.data["step"]) for line in lines if line.event == "done"}
    taken_back = {
        line.data["undoes"][1]
        for line in lines
        if line.event == "intent"
        and line.data.get("undoes", [None])[0] == target
        and (line.run, line.data["step"]) in finished
    }
    steps = sorted((step for step in done - taken_back if intents[step]["inverse"]), reverse=True)
    return [(step, unpack(intents[step]["inverse"])) for step in steps]


def last_undoable(journal: Journal) -> str | None:
    """Return the newest run of which something can still be taken back, undo runs excepted."""
    runs = dict.fromkeys(
        line.run
        for line in journal.lines()
        if line.event == "begin" and line.data["command"] != "undo"
    )
    return next((run for run in reversed(runs) if undoable(journal, run)), None)
