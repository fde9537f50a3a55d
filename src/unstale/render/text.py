"""A report for a terminal: the chain, a line a layer; then each root with its proof, fix and consequences.

Prose is wrapped between words. A command, an edit or a path is never broken, so that it can be copied.
"""

from __future__ import annotations

from rich.text import Text

from unstale.action import Action
from unstale.layer import Severity, State
from unstale.redact import printable
from unstale.render.page import Page, console, trimmed
from unstale.report import Report, Reported

# Readable on dark and on light; bold yellow is not: many terminals show it bright.
_STATES = {
    State.STALE: ("✗", "bold red"),
    State.UNKNOWN: ("?", "magenta"),
    State.RISK: ("!", "yellow"),
    State.FRESH: ("✓", "green"),
    State.SKIPPED: ("-", "dim"),
    State.ABSENT: ("·", "dim"),
}
_SEVERITIES = {
    Severity.STALE: ("✗", "bold red"),
    Severity.RISK: ("!", "yellow"),
    Severity.NOTE: ("i", "cyan"),
}
_PREVIEW = 8


def report(
    seen: Report,
    *,
    verbose: bool = False,
    quiet: bool = False,
    width: int | None = None,
    colour: bool | None = None,
) -> str:
    """Return the report as text; width and colour are stdout's unless given."""
    page = Page(console(width, colour=colour), seen.project.root)
    with page.console.capture() as written:
        if not quiet:
            _head(page, seen)
            _chain(page, seen)
            _findings(page, seen)
            _others(page, seen)
            if verbose:
                _proven(page, seen)
        _verdict(page, seen)
    return trimmed(written.get())


def _head(page: Page, seen: Report) -> None:
    project = seen.project
    parts = ", ".join(f"{kind} in {path}" if path != "." else kind for kind, path in project.parts)
    name = (printable(project.name), "bold")
    root = (printable(str(project.root)), "dim")
    page.prose(Text.assemble(name, f"  {printable(parts)}  ", root))
    page.console.print()


def _chain(page: Page, seen: Report) -> None:
    layers = seen.layers
    here = [each for each in layers if each.summary or each.state is not State.ABSENT]
    for line in here:
        symbol, style = _STATES[line.state]
        link = f"  {line.layer.value}  {line.layer.words:<16}"
        state = (f"{symbol} {line.state.value:<8}", style)
        shown = Text.assemble(link, state, page.text(line.summary))
        page.console.print(shown, no_wrap=True, overflow="ellipsis")
    absent = [each.layer.words for each in layers if each not in here]
    if absent:
        page.prose(Text(f"not here: {', '.join(absent)}", "dim"), 2, ("·    ", "dim"))
    page.console.print()


def _findings(page: Page, seen: Report) -> None:
    order = list(Severity)
    findings = seen.findings
    roots = [each for each in findings if each.root is None]
    roots.sort(key=lambda each: order.index(each.finding.severity))
    for root in roots:
        _finding(page, root)
        for consequence in (each for each in findings if each.root == root.id):
            _finding(page, consequence, "  └─ ", root)


def _finding(page: Page, each: Reported, branch: str = "", root: Reported | None = None) -> None:
    finding = each.finding
    symbol, style = _SEVERITIES[finding.severity]
    mark = f"{branch}{symbol} "
    indent = len(mark)
    page.prose(Text(each.title, "bold"), 0, (f"{mark}{each.code} ", style))
    page.prose(page.text(finding.subject), indent)
    page.prose(page.text(finding.because), indent)
    for word, evidence in (("want  ", finding.want), ("have  ", finding.have)):
        page.prose(page.text(evidence.value), indent, (word, "dim"))
        page.whole(page.text(evidence.source, "dim"), indent + len(word))
    if not finding.proven:
        page.prose(Text("likely: what it loaded then is not known by content", "dim"), indent)
    if finding.fix and (root is None or root.finding.fix != finding.fix):
        _fix(page, each.code, finding.fix, indent)
    page.console.print()


def _fix(page: Page, code: str, action: Action, indent: int) -> None:
    undo = ", can be undone" if action.undoable else ""
    title = page.text(action.title()).append(f"  ({action.risk.word}{undo})", "dim")
    page.prose(title, indent, ("fix   ", "dim"))
    lines = action.preview()
    for line in lines[:_PREVIEW]:
        page.whole(page.text(line.expandtabs(4)), indent + 6)
    if len(lines) > _PREVIEW:
        more = f"… {len(lines) - _PREVIEW} more lines: unstale fix {code} --dry-run"
        page.whole(Text(more, "dim"), indent + 6)


def _others(page: Page, seen: Report) -> None:
    reasons: dict[tuple[str, str], list[str]] = {}
    for unknown in seen.unknown:
        reasons.setdefault((unknown.because, unknown.next), []).append(unknown.code)
    for (because, following), codes in reasons.items():
        names = ", ".join(dict.fromkeys(codes))
        page.prose(page.text(f"{names} not checked: {because}"), 0, ("? ", "magenta"))
        page.prose(page.text(following, "dim"), 2, ("next: ", "dim"))
    for crashed in seen.crashed:
        page.prose(page.text(f"{crashed.code} crashed: {crashed.what}"), 0, ("☠ ", "bold red"))
        page.whole(page.text(f"at {crashed.where}", "dim"), 2)
        again = "report this bug with a recording: unstale check --record facts.json"
        page.prose(Text(again, "dim"), 2, ("next: ", "dim"))
    for silenced in seen.silenced:
        shown = page.text(f"{silenced.code} silenced: {silenced.reason}", "dim")
        page.prose(shown, 0, ("- ", "dim"))
    if seen.unknown or seen.crashed or seen.silenced:
        page.console.print()


def _proven(page: Page, seen: Report) -> None:
    for each in seen.proven:
        page.prose(page.text(f"{each.code} {each.fresh.subject}"), 0, ("✓ ", "green"))
        page.prose(page.text(each.fresh.have.value), 2)
        page.whole(page.text(each.fresh.have.source, "dim"), 2)
    if seen.proven:
        page.console.print()


def _verdict(page: Page, seen: Report) -> None:
    found = {severity.value: len(seen.of(severity)) for severity in Severity}
    found |= {"not checked": len(seen.unknown), "crashed": len(seen.crashed)}
    counts = ", ".join(f"{number} {word}" for word, number in found.items() if number)
    symbol, style = _STATES[seen.verdict]
    verdict = Text(f"{symbol} {seen.verdict.value}", style)
    cost = Text(f"({seen.checked} checks, {seen.took_s:.2f} s)")
    following = Text(" unstale fix" if seen.of(Severity.STALE) else "", "bold")
    page.whole(Text("  ").join(filter(None, (verdict, Text(counts), cost, following))), 0)
