"""A report for a terminal: the chain, a line a layer; then each root with its proof, fix and consequences."""

from __future__ import annotations

import io
import sys

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from unstale.layer import Severity, State
from unstale.redact import printable
from unstale.report import Report, Reported

_STATES = {
    State.STALE: ("✗", "bold red"),
    State.UNKNOWN: ("?", "bold yellow"),
    State.RISK: ("!", "yellow"),
    State.FRESH: ("✓", "green"),
    State.SKIPPED: ("-", "dim"),
    State.ABSENT: ("·", "dim"),
}
_SEVERITIES = {Severity.STALE: ("✗", "bold red"), Severity.RISK: ("!", "yellow"), Severity.NOTE: ("i", "cyan")}


def report(seen: Report, *, verbose: bool = False, quiet: bool = False) -> str:
    """Return the report as text, with colour where stdout is a terminal that wants it."""
    console = Console(file=io.StringIO(), force_terminal=sys.stdout.isatty(), width=_width(), highlight=False)
    if not quiet:
        _head(console, seen)
        _chain(console, seen)
        _findings(console, seen)
        _others(console, seen)
        if verbose:
            _proven(console, seen)
    _verdict(console, seen)
    file = console.file
    assert isinstance(file, io.StringIO)  # noqa: S101 - made above
    return file.getvalue().rstrip("\n")


def _width() -> int | None:
    return None if sys.stdout.isatty() else Console().width


def _head(console: Console, seen: Report) -> None:
    parts = ", ".join(f"{kind} in {path}" if path != "." else kind for kind, path in seen.project.parts)
    console.print(Text.assemble((printable(seen.project.name), "bold"), f"  {printable(parts)}"), no_wrap=True, overflow="ellipsis")
    console.print()


def _chain(console: Console, seen: Report) -> None:
    absent = []
    for line in seen.layers:
        if line.state is State.ABSENT and not line.summary:
            absent.append(line.layer.title)
            continue
        symbol, style = _STATES[line.state]
        words = f"{line.state.value:<8}"
        shown = Text.assemble(f"  {line.layer.value}  {line.layer.title:<16}", (f"{symbol} {words}", style), printable(line.summary))
        console.print(shown, no_wrap=True, overflow="ellipsis")
    if absent:
        console.print(Text(f"  ·    not here: {', '.join(absent)}", style="dim"), soft_wrap=False)
    console.print()


def _findings(console: Console, seen: Report) -> None:
    order = list(Severity)
    roots = [each for each in seen.findings if each.root is None]
    for root in sorted(roots, key=lambda each: order.index(each.finding.severity)):
        _finding(console, seen, root, 0)
        for consequence in (each for each in seen.findings if each.root == root.id):
            _finding(console, seen, consequence, 4)


def _finding(console: Console, seen: Report, each: Reported, indent: int) -> None:
    finding = each.finding
    symbol, style = _SEVERITIES[finding.severity]
    lead = "└─ " if indent else ""
    title = Text.assemble(lead, (f"{symbol} {each.code} ", style), (each.title, "bold"))
    _put(console, title, indent)
    inner = indent + (5 if indent else 2)
    _put(console, Text(printable(finding.subject)), inner)
    _put(console, Text(printable(finding.because)), inner)
    for word, evidence in (("want", finding.want), ("have", finding.have)):
        _put(console, Text.assemble((f"{word}  ", "dim"), printable(evidence.value)), inner)
        _put(console, Text(f"      {printable(evidence.source)}", style="dim"), inner)
    if not finding.proven:
        _put(console, Text("likely: only times agree, no content was compared", style="dim"), inner)
    if finding.fix is not None and indent == 0 or (finding.fix is not None and not _same_fix(seen, each)):
        _fix(console, each, inner)
    console.print()


def _same_fix(seen: Report, each: Reported) -> bool:
    root = next((other for other in seen.findings if other.id == each.root), None)
    return root is not None and root.finding.fix == each.finding.fix


def _fix(console: Console, each: Reported, inner: int) -> None:
    action = each.finding.fix
    if action is None:
        return
    undo = ", undo: yes" if action.undoable else ""
    _put(console, Text.assemble(("fix   ", "dim"), printable(action.title()), (f"  ({action.risk.word}{undo})", "dim")), inner)
    for line in action.preview()[:8]:
        _put(console, Text(f"      {printable(line)}", style="cyan"), inner)


def _put(console: Console, shown: Text, indent: int) -> None:
    console.print(Padding(shown, (0, 0, 0, indent)))


def _others(console: Console, seen: Report) -> None:
    for unknown in seen.unknown:
        console.print(Text.assemble(("? ", "bold yellow"), f"{unknown.code} not checked: {printable(unknown.because)}"))
        console.print(Text(f"  next: {printable(unknown.next)}", style="dim"))
    for crashed in seen.crashed:
        console.print(Text.assemble(("☠ ", "bold red"), f"{crashed.code} crashed: {crashed.what} at {crashed.where}"))
    for silenced in seen.silenced:
        console.print(Text(f"- {silenced.code} silenced: {silenced.reason}", style="dim"))
    if seen.unknown or seen.crashed or seen.silenced:
        console.print()


def _proven(console: Console, seen: Report) -> None:
    for each in seen.proven:
        console.print(Text.assemble(("✓ ", "green"), f"{each.code} {printable(each.fresh.subject)}"))
        console.print(Text(f"  {printable(each.fresh.have.value)}   {printable(each.fresh.have.source)}", style="dim"))
    if seen.proven:
        console.print()


def _verdict(console: Console, seen: Report) -> None:
    counts = [f"{len(seen.of(severity))} {severity.value}" for severity in Severity if seen.of(severity)]
    counts += [f"{len(seen.unknown)} not checked"] if seen.unknown else []
    symbol, style = _STATES[seen.verdict]
    words = f"{symbol} {seen.verdict.value}"
    tail = f"  {', '.join(counts)}" if counts else ""
    following = "   unstale fix" if seen.of(Severity.STALE) else ""
    console.print(Text.assemble((words, style), f"{tail}  ({seen.checked} checks, {seen.took_s:.2f} s)", (following, "bold")))
