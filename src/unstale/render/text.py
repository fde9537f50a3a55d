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
_PREVIEW = 8
_SEVERITIES = {
    Severity.STALE: ("✗", "bold red"),
    Severity.RISK: ("!", "yellow"),
    Severity.NOTE: ("i", "cyan"),
}


def report(seen: Report, *, verbose: bool = False, quiet: bool = False) -> str:
    """Return the report as text, with colour where stdout is a terminal that wants it."""
    console = Console(
        file=io.StringIO(), force_terminal=sys.stdout.isatty(), width=_width(), highlight=False
    )
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
    lines = [line.rstrip() for line in file.getvalue().rstrip("\n").split("\n")]
    return "\n".join(lines)


def _width() -> int | None:
    return None if sys.stdout.isatty() else Console().width


def _head(console: Console, seen: Report) -> None:
    parts = ", ".join(
        f"{kind} in {path}" if path != "." else kind for kind, path in seen.project.parts
    )
    root = printable(str(seen.project.root))
    words = Text.assemble(
        (printable(seen.project.name), "bold"), f"  {printable(parts)}", (f"  {root}", "dim")
    )
    console.print(words, no_wrap=True, overflow="ellipsis")
    console.print()


def _chain(console: Console, seen: Report) -> None:
    absent = []
    for line in seen.layers:
        if line.state is State.ABSENT and not line.summary:
            absent.append(line.layer.words)
            continue
        symbol, style = _STATES[line.state]
        words = f"{line.state.value:<8}"
        shown = Text.assemble(
            f"  {line.layer.value}  {line.layer.words:<16}",
            (f"{symbol} {words}", style),
            printable(line.summary),
        )
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
    _put(
        console,
        Text.assemble(lead, (f"{symbol} {each.code} ", style), (each.title, "bold")),
        indent,
    )
    inner = indent + (5 if indent else 2)
    _put(console, Text(_short(seen, finding.subject)), inner)
    _put(console, Text(_short(seen, finding.because)), inner)
    for word, evidence in (("want", finding.want), ("have", finding.have)):
        _put(console, Text.assemble((f"{word}  ", "dim"), _short(seen, evidence.value)), inner)
        _put(console, Text(_short(seen, evidence.source), style="dim"), inner + 6)
    if not finding.proven:
        _put(
            console, Text("likely: what it loaded then is not known by content", style="dim"), inner
        )
    if indent == 0 or not _same_fix(seen, each):
        _fix(console, seen, each, inner)
    console.print()


def _same_fix(seen: Report, each: Reported) -> bool:
    root = next((other for other in seen.findings if other.id == each.root), None)
    return root is not None and root.finding.fix == each.finding.fix


def _fix(console: Console, seen: Report, each: Reported, inner: int) -> None:
    action = each.finding.fix
    if action is None:
        return
    undo = ", can be undone" if action.undoable else ""
    title = _short(seen, action.title())
    _put(
        console,
        Text.assemble(("fix   ", "dim"), title, (f"  ({action.risk.word}{undo})", "dim")),
        inner,
    )
    lines = action.preview()
    for line in lines[:_PREVIEW]:
        _put(console, Text(_short(seen, line), style="cyan"), inner + 6)
    if len(lines) > _PREVIEW:
        _put(
            console,
            Text(f"… {len(lines) - _PREVIEW} more lines: unstale fix {each.code}", style="dim"),
            inner + 6,
        )


def _short(seen: Report, text: str) -> str:
    """Return the text with paths relative to the project, where the reader stands."""
    return printable(text.replace(f"{seen.project.root}/", ""))


def _put(console: Console, shown: Text, indent: int) -> None:
    console.print(Padding(shown, (0, 0, 0, indent)))


def _others(console: Console, seen: Report) -> None:
    reasons: dict[tuple[str, str], list[str]] = {}
    for unknown in seen.unknown:
        reasons.setdefault((unknown.because, unknown.next), []).append(unknown.code)
    for (because, following), codes in reasons.items():
        names = ", ".join(dict.fromkeys(codes))
        _put(
            console,
            Text.assemble(("? ", "bold yellow"), f"{names} not checked: {_short(seen, because)}"),
            0,
        )
        _put(console, Text(f"next: {_short(seen, following)}", style="dim"), 2)
    for crashed in seen.crashed:
        text = f"{crashed.code} crashed: {crashed.what} at {crashed.where}"
        _put(console, Text.assemble(("☠ ", "bold red"), text), 0)
    for silenced in seen.silenced:
        _put(console, Text(f"- {silenced.code} silenced: {silenced.reason}", style="dim"), 0)
    if seen.unknown or seen.crashed or seen.silenced:
        console.print()


def _proven(console: Console, seen: Report) -> None:
    for each in seen.proven:
        console.print(
            Text.assemble(("✓ ", "green"), f"{each.code} {_short(seen, each.fresh.subject)}")
        )
        have = each.fresh.have
        _put(
            console,
            Text(f"{_short(seen, have.value)}   {_short(seen, have.source)}", style="dim"),
            2,
        )
    if seen.proven:
        console.print()


def _verdict(console: Console, seen: Report) -> None:
    counts = [
        f"{len(seen.of(severity))} {severity.value}" for severity in Severity if seen.of(severity)
    ]
    counts += [f"{len(seen.unknown)} not checked"] if seen.unknown else []
    symbol, style = _STATES[seen.verdict]
    words = f"{symbol} {seen.verdict.value}"
    tail = f"  {', '.join(counts)}" if counts else ""
    following = "   unstale fix" if seen.of(Severity.STALE) else ""
    console.print(
        Text.assemble(
            (words, style),
            f"{tail}  ({seen.checked} checks, {seen.took_s:.2f} s)",
            (following, "bold"),
        )
    )
