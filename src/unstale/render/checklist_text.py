"""A checklist for a terminal: a line a point, below it what shows it, or why not."""

from __future__ import annotations

from rich.text import Text

from unstale.checklist.point import Checklist, Mark, Point
from unstale.evidence import Evidence
from unstale.redact import printable
from unstale.render.page import Page, console, trimmed

_MARKS = {
    Mark.VERIFIED: ("✓", "green"),
    Mark.FAILED: ("✗", "bold red"),
    Mark.NOT_CHECKED: ("?", "magenta"),
    Mark.NOT_APPLICABLE: ("·", "dim"),
}
_SHOWN = 3  # evidences of a point; the rest is in the JSON
_INDENT = 6


def checklist(seen: Checklist, *, width: int | None = None, colour: bool | None = None) -> str:
    """Return the checklist as text; width and colour are stdout's unless given."""
    page = Page(console(width, colour=colour), seen.project.root)
    with page.console.capture() as written:
        name, root = printable(seen.project.name), printable(str(seen.project.root))
        page.prose(
            Text.assemble((name, "bold"), f"  {root}  1-10: the folk guide's points, +: ours")
        )
        page.console.print()
        for each in seen.points:
            _point(page, each)
        for code in seen.crashed:
            page.prose(Text(f"{code} crashed: unstale check says where"), 0, ("☠ ", "bold red"))
        page.console.print()
        _counts(page, seen)
    return trimmed(written.get())


def _point(page: Page, each: Point) -> None:
    symbol, style = _MARKS[each.mark]
    numbers = ",".join(map(str, each.topic.guide)) or "+"
    lead = (f"{numbers:>3} {symbol} ", style)
    said = Text.assemble((each.topic.title, "bold"), (f"  {each.mark.words}", style))
    page.prose(said, 0, lead)
    if each.why:
        page.prose(page.text(each.why), _INDENT)
    for failure in each.failures:
        page.prose(page.text(f"{failure.code} {failure.subject}".strip()), _INDENT)
        page.prose(page.text(failure.because), _INDENT)
        _evidence(page, failure.evidence, _INDENT + 2)
        page.whole(Text.assemble(("fix   ", "dim"), page.text(failure.fix)), _INDENT)
    _evidence(page, each.evidence[:_SHOWN], _INDENT)
    if len(each.evidence) > _SHOWN:
        more = f"… {len(each.evidence) - _SHOWN} more: {each.again}"
        page.whole(Text(more, "dim"), _INDENT)


def _evidence(page: Page, found: tuple[Evidence, ...], indent: int) -> None:
    for each in found:
        page.prose(page.text(each.value), indent)
        page.whole(page.text(each.source, "dim"), indent + 2)


def _counts(page: Page, seen: Checklist) -> None:
    worst = next(mark for mark in Mark if seen.count(mark))
    symbol, style = _MARKS[worst]
    counts = ", ".join(f"{seen.count(mark)} {mark.words}" for mark in Mark if seen.count(mark))
    page.whole(Text.assemble((f"{symbol} {counts}", style), f"  ({seen.took_s:.2f} s)"), 0)
