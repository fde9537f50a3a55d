"""Orders and merges what the findings propose: roots before consequences, links in the order of repair."""

from __future__ import annotations

from dataclasses import dataclass

from unstale.action import Action
from unstale.layer import Risk, Severity
from unstale.report import Report, Reported


@dataclass(frozen=True, slots=True)
class Step:
    """One action and the findings it cures."""

    action: Action
    cures: tuple[Reported, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes it cures, each once."""
        return tuple(dict.fromkeys(each.code for each in self.cures))


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order of work; `forbidden` says why nothing may be restarted, or is None."""

    steps: tuple[Step, ...]
    forbidden: str | None = None


def plan(report: Report, wanted: frozenset[str] = frozenset()) -> Plan:
    """Plan the repair of every stale finding, or of the wanted codes and layers at any severity."""
    chosen = [
        each for each in report.findings if _wanted(each, wanted) and each.finding.fix is not None
    ]
    chosen.sort(key=lambda each: each.root is not None)
    merged: dict[Action, list[Reported]] = {}
    for each in chosen:
        action = each.finding.fix
        if action is not None:
            merged.setdefault(action, []).append(each)
    steps = [Step(action, tuple(cures)) for action, cures in merged.items()]
    steps.sort(key=_order)
    return Plan(tuple(steps), _forbidden(report, steps))


def _wanted(reported: Reported, wanted: frozenset[str]) -> bool:
    if wanted:
        return bool({reported.code, reported.layer.value} & wanted)
    return reported.finding.severity is Severity.STALE


def _order(step: Step) -> tuple[bool, bool, int]:
    """Manual edits last; a restart after everything that it would load; else the order of repair."""
    return (step.action.risk is Risk.MANUAL, step.action.restarts, step.action.layer.position)


def _forbidden(report: Report, steps: list[Step]) -> str | None:
    """Return the veto: a finding that forbids restarts and that no step of this plan cures first."""
    cured = {
        each.id for step in steps if step.action.risk is not Risk.MANUAL for each in step.cures
    }
    for each in report.findings:
        if each.finding.forbids_restart and each.id not in cured:
            return veto(each)
    return None


def veto(reported: Reported) -> str:
    """Return the words for a finding that forbids restarts."""
    return f"{reported.code} {reported.finding.subject}: {reported.title}"
