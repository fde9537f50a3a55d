"""Takes a run or a step back from its journal, newest first; what stands in the way is said before anything changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unstale.action import Action
from unstale.errors import Failed, Refused, UnstaleError, UsageError
from unstale.fact import Facts
from unstale.history import Deed, History, history, overlapping
from unstale.host import Host
from unstale.journal import Journal
from unstale.perform import Outcome, Run, Say, intent, pack
from unstale.plan import Step
from unstale.promise import Losing, inverse_of, lacking, removed
from unstale.redact import mask

Ready = list[tuple[int, Action]]


def undo(
    facts: Facts, run: Run, target: str, *, say: Say, steps: Ready | None = None
) -> Iterator[Outcome]:
    """Take back these steps of the run `target`, or every one that can be, newest first.

    Raises Refused before anything is touched, Failed when a later step is in the way.
    """
    if steps is None:
        steps = ready(facts, run.journal, target)
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
    words = {**intent(number, todo, back), "undoes": list(undoes), "action": pack(inverse)}
    run.journal.append(facts.host.now(), run.id, "intent", words)
    said = inverse.apply(facts.host, run.keep(number))
    note = said if isinstance(said, str) else ""
    told = {"why": mask(note)} if note else {}
    run.journal.append(facts.host.now(), run.id, "done", {"step": number, **told})
    return Outcome(number, todo, "done", note, undoable=back is not None)


def ready(
    facts: Facts,
    journal: Journal,
    target: str,
    *,
    step: int | None = None,
    accept: int | None = None,
) -> Ready:
    """Return (step, inverse) of what the run did and nobody took back yet, or of that one step, newest first.

    `accept` is the number of rows whose loss a person accepts. Raises Refused naming what is in the way of any.
    """
    past = history(journal.lines())
    chosen = _chosen(past, target, step)
    if not chosen:
        return []
    _require_here(facts, past, target)
    _require_last(past, chosen)
    steps = [(each, inverse_of(each, past)) for each in chosen]
    for deed, inverse in steps:
        missing = lacking(inverse, facts.host, deed)
        _require(deed, missing and (removed(past, deed, missing) or missing))
    steps = _accepting(steps, facts.host, accept)
    stopped = False
    for at, (deed, inverse) in enumerate(steps):
        if not any(
            overlapping(deed, other) for other, _ in steps[:at]
        ):  # then it is judged in its turn
            _require(deed, _blocked(inverse, facts, stopped=stopped))
        stopped = stopped or inverse.stops
    return [(deed.step, inverse) for deed, inverse in steps]


def _chosen(past: History, target: str, step: int | None) -> tuple[Deed, ...]:
    found = past.open(target)
    if step is None:
        return found
    if any(each.step == step for each in found):
        return tuple(each for each in found if each.step == step)
    what = f"step {step} of {target} cannot be taken back"
    deed = next((each for each in past.of(target) if each.step == step), None)
    if deed is None:
        raise UsageError(what=what, why="nothing was done there", next=f"unstale log {target}")
    if deed.key in past.undone:
        by = past.undone[deed.key].run
        raise UsageError(what=what, why=f"{by} took it back", next=f"unstale log {by}")
    why = "it has no way back" if deed.state == "done" else f"it is {deed.state}"
    raise UsageError(what=what, why=f"{why}: {deed.title}", next=f"unstale log {target}")


def _require_here(facts: Facts, past: History, target: str) -> None:
    """Refuse what was done in another place: every path in the journal is absolute."""
    begun = past.begun(target)
    here = str(facts.project.root)
    if begun is not None and begun.root not in ("", here):
        raise Refused(
            what=f"{target} is not taken back",
            why=f"it was done in {begun.root}, and the project is in {here} now",
            next=f"Move it back for the undo: mv {here} {begun.root}",
        )


def _require_last(past: History, chosen: Sequence[Deed]) -> None:
    later = past.later(chosen)
    if later:
        deed, other = later[0]
        names = dict.fromkeys(f"step {each.step} of {each.run} ({each.title})" for _, each in later)
        raise Refused(
            what=f"step {deed.step} of {deed.run} is not taken back",
            why=f"later steps changed the same: {', '.join(names)}",
            next=f"Take the later one back first: unstale undo {other.run} --step {other.step}",
        )


def _require(deed: Deed, why_not: str | None) -> None:
    if why_not is not None:
        raise Refused(
            what=f"step {deed.step} of {deed.run} is not taken back",
            why=why_not,
            next="Nothing was changed.",
        )


def _blocked(inverse: Action, facts: Facts, *, stopped: bool) -> str | None:
    """Return what stands in the way; who uses a database does not where an earlier step stops them."""
    try:
        if stopped and isinstance(inverse, Losing):
            return inverse.unacceptable(facts.host)
        return inverse.blocked(facts.again())
    except (UnstaleError, OSError) as error:
        return f"it could not be looked at: {error}"


def _accepting(
    steps: list[tuple[Deed, Action]], host: Host, accept: int | None
) -> list[tuple[Deed, Action]]:
    """Let each step lose the rows that it must, where a person named exactly their sum. Raises Refused."""
    if accept is None:
        return steps
    losses = [_losses(steps[:at], *each, host) for at, each in enumerate(steps)]
    right = sum(rows for each in losses for rows in each.values())
    if accept != right:
        tables = [f"{rows} of {name}" for each in losses for name, rows in each.items()]
        raise Refused(
            what=f"{accept} is not the number of rows that would be lost",
            why=f"it is {right}: {', '.join(tables) or 'nothing was written since'}",
            next=f"Look at them, then: --accept-data-loss={right}"
            if tables
            else "Leave --accept-data-loss out.",
        )
    return [
        (deed, each.accepting(sum(lost.values())) if lost and isinstance(each, Losing) else each)
        for (deed, each), lost in zip(steps, losses, strict=True)
    ]


def _losses(
    later: list[tuple[Deed, Action]], deed: Deed, inverse: Action, host: Host
) -> dict[str, int]:
    """Return the rows that a step would cost; of one thing that two steps changed they count with the later."""
    counted = any(overlapping(deed, other) for other, _ in later)
    return inverse.losses(host) if isinstance(inverse, Losing) and not counted else {}


def undoable(journal: Journal, target: str) -> Ready:
    """Return (step, inverse) of what the run did and nobody took back yet, newest first, blocked or not."""
    past = history(journal.lines())
    return [(deed.step, inverse_of(deed, past)) for deed in past.open(target)]


def last_undoable(journal: Journal) -> str | None:
    """Return the newest run of which something can still be taken back, undo runs excepted."""
    past = history(journal.lines())
    runs = (each.run for each in reversed(past.runs) if each.command != "undo")
    return next((run for run in runs if past.open(run)), None)
