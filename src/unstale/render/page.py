"""Where text for a terminal is laid out: prose is wrapped, what can be copied is whole."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from unstale.redact import printable

_NARROWEST = 20


def console(width: int | None, *, colour: bool | None) -> Console:
    """Return a console of this width and colour, or stdout's."""
    out = Console()
    if colour is None:
        colour = sys.stdout.isatty() and out.color_system is not None and not out.no_color
    return Console(
        width=width or out.width,
        height=out.height,  # without it rich gives every dumb terminal 80 columns
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
    )


def trimmed(written: str) -> str:
    """Return what was captured without blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in written.rstrip("\n").split("\n"))


@dataclass(frozen=True, slots=True)
class Page:
    """A console, and the root that paths are shown relative to."""

    console: Console
    root: Path

    def text(self, words: str, style: str = "") -> Text:
        """Return the words with paths relative to the project, where the reader stands."""
        return Text(printable(words.replace(f"{self.root}/", "")), style)

    def prose(self, body: Text, indent: int = 0, lead: tuple[str, str] = ("", "")) -> None:
        """Print words after their lead; further lines hang below the first."""
        hang = indent + len(lead[0])
        body.overflow = "ignore"  # else rich breaks a path that is longer than the line
        first, *rest = body.wrap(self.console, max(self.console.width - hang, _NARROWEST))
        self.whole(Text.assemble(lead, first), indent)
        for line in rest:
            self.whole(line, hang)

    def whole(self, line: Text, indent: int) -> None:
        """Print one line, however long."""
        self.console.print(Text(" " * indent).append_text(line), soft_wrap=True)
