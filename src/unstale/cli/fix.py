"""unstale fix: plan, show, ask, perform, prove; in rounds, because a repaired link uncovers the next."""

from __future__ import annotations

import json

import click

from unstale.actions.process import End
from unstale.check import Check, catalogue
from unstale.cli.changing import changing, finish
from unstale.cli.options import consent, facts_for, selection
from unstale.cli.outcomes import as_json, preview, show
from unstale.cli.progress import noticed
from unstale.errors import UsageError
from unstale.examine import examine
from unstale.fact import Facts
from unstale.facts.processes import ProcessTable
from unstale.layer import Risk, Severity, State
from unstale.perform import Outcome, begin, perform
from unstale.plan import Plan, Step, plan
from unstale.redact import printable
from unstale.report import Report

ROUNDS = 5


@click.command()
@click.argument("wanted", nargs=-1, metavar="[CODE|LAYER]...")
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--risk", type=click.Choice(["safe", "disruptive", "destructive"]), default="disruptive"
)
@click.option("--pid", type=int, help="End this process, which a finding names.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(
    *,
    wanted: tuple[str, ...],
    directory: str,
    dry_run: bool,
    yes: bool,
    risk: str,
    pid: int | None,
    form: str,
) -> int:
    """Repair what check found: each step journaled, proven by its own check, undone if it did not cure."""
    chosen = selection(",".join(wanted))
    facts = facts_for(directory, changing=not dry_run)
    fixing = _Fixing(facts, chosen, Risk[risk.upper()], quiet=form == "json")
    if dry_run:
        report, todo = fixing.look(pid)
        outcomes = [
            Outcome(number, step, "planned", undoable=step.action.undoable)
            for number, step in enumerate(todo.steps, 1)
        ]
        return fixing.close(report, outcomes, "", 0, form, todo)
    with changing(facts, "fix"):
        return fixing.rounds(pid, form, yes=yes)


class _Fixing:
    """One run of the command: its selection, and how much it may risk."""

    def __init__(self, facts: Facts, chosen: frozenset[str], limit: Risk, *, quiet: bool) -> None:
        self.facts = facts
        self.chosen = chosen
        self.limit = limit
        self.quiet = quiet
        self.checks: tuple[Check, ...] = catalogue()

    def look(self, pid: int | None = None) -> tuple[Report, Plan]:
        """Examine anew and plan."""
        self.facts = self.facts.again()
        with noticed(self.facts):
            report = examine(self.facts, self.checks)
        todo = plan(report, self.chosen)
        return report, _ending(self.facts, report, pid) if pid is not None else todo

    def rounds(self, pid: int | None, form: str, *, yes: bool) -> int:
        """Perform, look again, plan again, until fresh, no progress, or five rounds; one round for named codes."""
        report, todo = self.look(pid)
        if not todo.steps:
            return self.close(report, [], "", 0, form, todo)
        outcomes: list[Outcome] = []
        run = None
        number = 0
        while todo.steps and number < (1 if self.chosen or pid else ROUNDS):
            self._show(todo, number + 1)
            if run is None and any(self._doable(step) for step in todo.steps):
                consent("Do this?", yes=yes)
                run = begin(self.facts, "fix")
            number += 1
            if run is None:
                outcomes += [
                    Outcome(at, step, "manual", "a person must do this")
                    for at, step in enumerate(todo.steps, 1)
                ]
                break
            fresh = list(
                perform(
                    run, todo, self.facts, limit=self.limit, first=len(outcomes) + 1, say=self._say
                )
            )
            outcomes += fresh
            report, todo = self.look()
            if not any(each.state == "done" for each in fresh):
                break
            tried = {each.step.action for each in outcomes if each.state != "done"}
            todo = Plan(
                tuple(step for step in todo.steps if step.action not in tried), todo.forbidden
            )
        if run is not None:
            finish(self.facts, run, verdict=report.verdict.value)
        return self.close(report, outcomes, run.id if run else "", number, form, todo)

    def close(  # noqa: PLR0917 - what the run came to
        self, report: Report, outcomes: list[Outcome], run: str, rounds: int, form: str, todo: Plan
    ) -> int:
        """Print the result; return 0 when nothing remains."""
        if form == "json":
            click.echo(json.dumps(as_json(run, rounds, outcomes, report), indent=2))
        else:
            self._results(report, outcomes, run, todo)
        planned = any(each.state == "planned" for each in outcomes)
        bad = [
            each for each in outcomes if each.state in ("failed", "refused", "skipped", "manual")
        ]
        if (
            bad
            and all(each.state == "refused" for each in bad)
            and not any(each.state == "done" for each in outcomes)
        ):
            return 2
        return 1 if bad or planned or report.verdict is State.STALE else 0

    def _doable(self, step: Step) -> bool:
        return step.action.risk is not Risk.MANUAL and step.action.risk <= self.limit

    def _show(self, todo: Plan, number: int) -> None:
        if self.quiet:
            return
        click.echo(f"round {number}", err=True)
        for at, step in enumerate(todo.steps, 1):
            preview(at, step)

    def _say(self, words: str) -> None:
        if not self.quiet:
            click.echo(f"… {printable(words)}", err=True)

    def _results(self, report: Report, outcomes: list[Outcome], run: str, todo: Plan) -> None:
        if not outcomes:
            click.echo("nothing to fix")
        for each in outcomes:
            show(each)
        left = [each for each in report.findings if each.finding.severity is Severity.STALE]
        if left:
            click.echo(f"still stale: {', '.join(each.id for each in left)}")
        elif outcomes:
            click.echo(f"{report.verdict.value}")
        if run and any(each.undoable for each in outcomes):
            click.echo(f"take it back: unstale undo {run}")
        if todo.forbidden:
            click.echo(f"no restart while this stands: {printable(todo.forbidden)}")


def _ending(facts: Facts, report: Report, pid: int) -> Plan:
    """Return the plan that ends a process which a finding names. Raises UsageError for any other."""
    table = facts.get(ProcessTable)
    process = table.find(pid)
    named = [each for each in report.findings if pid in each.finding.pids]
    if process is None or not named:
        raise UsageError(
            what=f"process {pid} is not ended",
            why="no finding of this project names it",
            next="unstale check",
        )
    if pid in table.ancestors:
        raise UsageError(
            what=f"process {pid} is not ended",
            why="it runs this very command",
            next="Run unstale from another terminal.",
        )
    return Plan((Step(End(pid, process.ticks, process.command), tuple(named)),))
