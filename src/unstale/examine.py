"""Runs the checks on the facts and writes the report; a check that raises crashes alone."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

from unstale.check import Check
from unstale.errors import Absent, Skipped, Unavailable
from unstale.fact import Fact, Facts
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity, State
from unstale.redact import mask
from unstale.report import (
    Crashed,
    LayerLine,
    LeftOut,
    NotKnown,
    Proven,
    Report,
    Reported,
    Silenced,
)


@dataclass(slots=True)
class _Seen:
    findings: list[Reported] = field(default_factory=list)
    proven: list[Proven] = field(default_factory=list)
    unknown: list[NotKnown] = field(default_factory=list)
    skipped: list[LeftOut] = field(default_factory=list)
    silenced: list[Silenced] = field(default_factory=list)
    crashed: list[Crashed] = field(default_factory=list)
    absent: dict[Layer, str] = field(default_factory=dict)
    checked: int = 0


def examine(
    facts: Facts,
    checks: Iterable[Check],
    *,
    left_out: dict[str, str] | None = None,
    strict: bool = False,
) -> Report:
    """Judge every check that no flag leaves out (`left_out`: code to flag)."""
    began = facts.host.now()
    checks = tuple(checks)
    left_out = left_out or {}
    wanted = tuple(each for each in checks if each.code not in left_out)
    _gather_side_by_side(facts, wanted)
    seen = _Seen()
    for each in checks:
        if each.code in left_out:
            seen.skipped.append(LeftOut(each.code, each.layer, left_out[each.code]))
        else:
            _judge(each, facts, seen)
    return Report(
        project=facts.project,
        made_at=began,
        took_s=(facts.host.now() - began).total_seconds(),
        layers=tuple(_line(layer, facts, seen) for layer in Layer),
        findings=_rooted(seen.findings),
        proven=tuple(seen.proven),
        unknown=tuple(seen.unknown),
        skipped=tuple(seen.skipped),
        silenced=tuple(seen.silenced),
        crashed=tuple(seen.crashed),
        checked=seen.checked,
        strict=strict,
    )


def _gather_side_by_side(facts: Facts, checks: tuple[Check, ...]) -> None:
    """Let threads wait for git, servers and other programs, and look meanwhile at what needs no waiting."""
    kinds = dict.fromkeys(kind for each in checks for kind, _ in each.needs)
    with ThreadPoolExecutor(8, thread_name_prefix="gather") as pool:
        waiting = [pool.submit(_gather, facts, kind) for kind in kinds if kind.waits]
        for kind in kinds:
            if not kind.waits:
                _gather(facts, kind)
        for each in waiting:
            each.result()


def _gather(facts: Facts, kind: type[Fact]) -> None:
    with suppress(
        Exception
    ):  # the check that needs it meets the same error again, and is judged by it
        facts.get(kind)


def _judge(each: Check, facts: Facts, seen: _Seen) -> None:
    try:
        verdicts = each.verdicts(facts)
    except Absent as error:
        seen.absent.setdefault(each.layer, error.why)
    except Skipped as error:
        seen.skipped.append(LeftOut(each.code, each.layer, error.what))
    except Unavailable as error:
        seen.unknown.append(
            NotKnown(each.code, each.layer, mask(f"{error.what}: {error.why}"), mask(error.next))
        )
    except Exception as error:  # noqa: BLE001 - one of the two broad nets: a crashed check never ends the run
        frame = traceback.extract_tb(error.__traceback__)[-1]
        what = mask(f"{type(error).__name__}: {error}")
        seen.crashed.append(
            Crashed(each.code, each.layer, what, f"{frame.filename}:{frame.lineno}")
        )
    else:
        seen.checked += bool(verdicts)
        for verdict in verdicts:
            _sort(each, verdict, facts, seen)


def _sort(each: Check, verdict: object, facts: Facts, seen: _Seen) -> None:
    if isinstance(verdict, Finding):
        reason = facts.project.settings.check.get("ignore", {}).get(each.code)
        if reason is not None:
            seen.silenced.append(Silenced(each.code, reason))
        else:
            seen.findings.append(Reported(each.code, each.slug, each.title, each.layer, verdict))
    elif isinstance(verdict, Fresh):
        seen.proven.append(Proven(each.code, each.layer, verdict))
    else:
        words = verdict
        because = mask(f"{words.subject}: {words.because}")  # type: ignore[attr-defined]  # Unknown is what is left
        seen.unknown.append(NotKnown(each.code, each.layer, because, mask(words.next)))  # type: ignore[attr-defined]  # as above


def _rooted(findings: list[Reported]) -> tuple[Reported, ...]:
    """Name each finding's root: an earlier link that explains something it touches."""
    rooted = []
    for each in findings:
        root = next(
            (
                other
                for other in findings
                if other is not each and other.finding.explains & each.finding.touches
            ),
            None,
        )
        rooted.append(replace(each, root=root.id) if root else each)
    return tuple(_without_cycles(rooted))


def _without_cycles(findings: list[Reported]) -> list[Reported]:
    """Lift each consequence to its last root; two that explain each other are both roots."""
    roots = {each.id: each.root for each in findings}

    def last(start: str) -> str | None:
        passed, at = {start}, roots[start]
        while at is not None and roots.get(at) is not None:
            if at in passed:
                return None
            passed.add(at)
            at = roots[at]
        return at

    return [replace(each, root=last(each.id)) for each in findings]


def _line(layer: Layer, facts: Facts, seen: _Seen) -> LayerLine:
    mine = [each for each in seen.findings if each.layer is layer]
    states = [State.STALE for each in mine if each.finding.severity is Severity.STALE]
    states += [State.RISK for each in mine if each.finding.severity is Severity.RISK]
    states += [State.UNKNOWN for each in seen.unknown if each.layer is layer]
    states += [State.UNKNOWN for each in seen.crashed if each.layer is layer]
    states += [State.FRESH for each in seen.proven if each.layer is layer]
    states += [State.FRESH for each in mine if each.finding.severity is Severity.NOTE]
    states += [State.SKIPPED for each in seen.skipped if each.layer is layer]
    state = State.worst(states)
    return LayerLine(layer, state, _summary(layer, state, facts, seen))


def _summary(layer: Layer, state: State, facts: Facts, seen: _Seen) -> str:
    if state is State.UNKNOWN:
        known = [each.because for each in seen.unknown if each.layer is layer]
        return known[0] if known else "a check crashed"
    if state is State.SKIPPED:
        return "left out by " + ", ".join(
            dict.fromkeys(each.by for each in seen.skipped if each.layer is layer)
        )
    said = [fact.summary() for fact in facts.known() if fact.layer is layer]
    summary = "; ".join(dict.fromkeys(words for words in said if words))
    return summary or (seen.absent.get(layer, "") if state is State.ABSENT else "")
