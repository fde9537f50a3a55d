"""unstale reset: the development tree made anew, and started again as it ran."""

from __future__ import annotations

import json

import click

from unstale.check import catalogue
from unstale.cli.changing import changing, finish
from unstale.cli.options import consent, facts_for, say
from unstale.cli.outcomes import as_json, preview, show
from unstale.cli.progress import noticed
from unstale.errors import Refused, UnstaleError, UsageError
from unstale.examine import examine
from unstale.fact import Facts
from unstale.layer import Layer, Risk, State
from unstale.left_out import left_out
from unstale.perform import Outcome, Run, begin, perform
from unstale.plan import Plan, Step
from unstale.recover import recover
from unstale.redact import printable
from unstale.report import Report
from unstale.reset import EVERYTHING, PARTS, Wish, steps
from unstale.undo import undo

_HALF_WAY = 3
_BY_THEN = (Layer.DATABASE, Layer.SCHEMA)


@click.command()
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--dry-run", is_flag=True, help="Show the steps and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Only this part.")
@click.option("--no-cache", is_flag=True, help="Bypass the caches of uv and npm for this install.")
@click.option(
    "--fresh-db", is_flag=True, help="Begin with an empty database; the present one is kept."
)
@click.option(
    "--detach", is_flag=True, help="Start also what ran in a terminal, into a log of its own."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(
    *,
    directory: str,
    dry_run: bool,
    yes: bool,
    only: tuple[str, ...],
    no_cache: bool,
    fresh_db: bool,
    detach: bool,
    form: str,
) -> int:
    """Start from clean: environment, node modules, builds, caches; nothing is lost, and undo brings it back."""
    parts = frozenset(only) or EVERYTHING
    if fresh_db and "database" not in parts:
        raise UsageError(
            what="--fresh-db has no database to begin anew",
            why=f"--only {' --only '.join(only)} leaves it out",
            next="Add --only database, or leave --only out.",
        )
    wish = Wish(parts, cache=not no_cache, fresh_db=fresh_db, detach=detach)
    facts = facts_for(directory, changing=not dry_run)
    if dry_run:
        todo = _plan(facts, wish)
        planned = [Outcome(at, each, "planned") for at, each in enumerate(todo.steps, 1)]
        return _close([*planned, *_left(facts, wish, len(planned))], "", form, _verdict(facts))
    with changing(facts, "reset"):
        return _reset(facts, wish, form, yes=yes)


def _plan(facts: Facts, wish: Wish) -> Plan:
    with noticed(facts):
        actions = steps(facts, wish, f"{facts.project.state}/stopped")
    return Plan(tuple(Step(each, ()) for each in actions))


def _left(facts: Facts, wish: Wish, steps: int) -> list[Outcome]:
    """Return what is a person's of the migrations, counted after the steps; a fresh database has its own words."""
    found = left_out(facts) if "database" in wish.parts and not wish.fresh_db else ()
    states = {True: "manual", False: "skipped"}
    return [
        Outcome(at, Step(each.edit, ()), states[each.wrong])
        for at, each in enumerate(found, steps + 1)
    ]


def _reset(facts: Facts, wish: Wish, form: str, *, yes: bool) -> int:
    todo = _plan(facts, wish)
    left = _left(facts, wish, len(todo.steps))
    if not todo.steps:
        return _close(left, "", form, _verdict(facts))
    for at, step in enumerate((*todo.steps, *(each.step for each in left)), 1):
        preview(at, step)
    _require_possible(facts, todo)
    consent("Do this?", yes=yes)
    run = begin(facts, "reset", whole=True)
    began = facts.host.uptime()
    try:
        done = _done(facts, run, todo)
        whole = done[-1].state == "done"
        words, back = ("the new state runs", True) if whole else _taken_back(facts, run)
    except KeyboardInterrupt:
        say(
            "interrupted: what was done is taken back; a second Ctrl-C leaves it to the next command"
        )
        for told in recover(facts.again(), say):
            click.echo(f"! {printable(told)}", err=True)
        raise
    report = _verdict(facts)
    if form == "text":
        click.echo(f"{words}, {facts.host.uptime() - began:.0f} s, {_moved(facts, run)}", err=True)
    finish(facts, run, verdict=report.verdict.value)
    code = _close([*done, *left], run.id if whole else "", form, report, whole=whole)
    return code if back else _HALF_WAY


def _require_possible(facts: Facts, todo: Plan) -> None:
    """Refuse before anything is stopped what a later step would refuse; a database's users are stopped by then."""
    judged = (each.action for each in todo.steps if each.action.layer not in _BY_THEN)
    for action in judged:
        why_not = action.blocked(facts)
        if why_not is not None:
            raise Refused(
                what=f"nothing was changed: cannot {action.title()}", why=why_not, next="Mend that."
            )


def _done(facts: Facts, run: Run, todo: Plan) -> list[Outcome]:
    """Do the steps up to the first that is not done; return what became of each."""
    done: list[Outcome] = []
    for each in perform(run, todo, facts, limit=Risk.DESTRUCTIVE, say=say):
        done.append(each)
        if each.state != "done":
            break
    return done


def _taken_back(facts: Facts, run: Run) -> tuple[str, bool]:
    """Undo what was done of a reset that failed; return which state runs, and whether it is a whole one."""
    undoing = begin(facts, "undo", whole=True, target=run.id)
    try:
        for each in undo(facts.again(), undoing, run.id, say=say):
            say(f"taken back: {each.step.action.title()}{each.note and f': {each.note}'}")
    except UnstaleError as error:
        return f"not all of it could be taken back ({error}): unstale log --verify", False
    finally:
        undoing.journal.append(facts.host.now(), undoing.id, "end", {})
    return "the former state runs", True


def _moved(facts: Facts, run: Run) -> str:
    size = facts.host.usage(str(facts.project.trash / run.id))
    return f"{size / 1e6:.0f} MB kept in {facts.project.relative(facts.project.trash / run.id)}"


def _verdict(facts: Facts) -> Report:
    again = facts.again()
    with noticed(again):
        return examine(again, catalogue())


def _close(
    outcomes: list[Outcome],
    run: str,
    form: str,
    report: Report,
    *,
    whole: bool = True,
) -> int:
    stale = report.verdict is State.STALE
    manual = any(each.state == "manual" for each in outcomes)
    code = 1 if stale or manual or not whole else 0
    if form == "json":
        click.echo(json.dumps(as_json(run, 1 if run else 0, outcomes, report), indent=2))
        return code
    if not any(each.step.action.risk < Risk.MANUAL for each in outcomes):
        click.echo("nothing to make anew")
    for each in outcomes:
        show(each)
    click.echo(report.verdict.value if not stale else "still stale: unstale check")
    if run:
        click.echo(f"take it back: unstale undo {run}")
    return code
