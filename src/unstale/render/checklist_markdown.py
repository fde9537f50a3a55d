"""A checklist for a pull request or an audit: GitHub's task list; what was seen stands in code spans.

Task lists and code spans: https://github.github.com/gfm/#task-list-items-extension-, #code-spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from unstale import __version__
from unstale.checklist.point import Checklist, Failure, Mark, Point
from unstale.evidence import Evidence
from unstale.redact import printable

_PLAIN = re.compile(r"[\w\s.,;:()/'+=-]*")
_BOXES = {
    Mark.VERIFIED: "- [x]",
    Mark.FAILED: "- [ ] ✗",
    Mark.NOT_CHECKED: "- [ ] ?",
    Mark.NOT_APPLICABLE: "-",
}


def checklist(seen: Checklist) -> str:
    """Return the checklist as Markdown; a box is ticked only where the point was verified."""
    counts = ", ".join(f"{seen.count(mark)} {mark.words}" for mark in Mark if seen.count(mark))
    made = f"{seen.made_at:%Y-%m-%d %H:%M:%S} UTC"
    lines = [
        f"## Deployment checklist of {_words(seen.project.name)}",
        "",
        f"**{counts}** · {_code(str(seen.project.root))} · {made} · unstale {__version__}",
        "",
        *(line for each in seen.points for line in _point(each, f"{seen.project.root}/")),
        *(f"- [ ] ☠ {code} crashed: `unstale check` says where" for code in seen.crashed),
    ]
    return "\n".join(lines)


def _point(each: Point, root: str) -> Iterator[str]:
    guide = f" (guide {', '.join(map(str, each.topic.guide))})" if each.topic.guide else ""
    state = "" if each.mark is Mark.VERIFIED else f": {each.mark.words}"
    why = f": {_words(each.why.replace(root, ''))}" if each.why else ""
    yield f"{_BOXES[each.mark]} **{each.topic.title}**{guide}{state}{why}"
    for failure in each.failures:
        yield from _failure(failure, root)
    for evidence in each.evidence:
        yield f"  - {_shown(evidence, root)}"


def _failure(each: Failure, root: str) -> Iterator[str]:
    code = f"**{each.code}** " if each.code else ""
    said = f"{each.subject}: {each.because}".replace(root, "")
    yield f"  - {code}{_words(said)}; fix: {_code(each.fix.replace(root, ''))}"
    for evidence in each.evidence:
        yield f"    - {_shown(evidence, root)}"


def _shown(evidence: Evidence, root: str) -> str:
    return (
        f"{_words(evidence.value.replace(root, ''))} ← {_code(evidence.source.replace(root, ''))}"
    )


def _words(text: str) -> str:
    """Return the text as prose where Markdown reads nothing into it, else as code: a log's line may hold anything."""
    return text if _PLAIN.fullmatch(text) and "\n" not in text else _code(text)


def _code(text: str) -> str:
    """Return a code span, fenced by more backticks than the text holds in a row."""
    text = printable(text)
    runs = [len(found) for found in re.findall(r"`+", text)]
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"
