"""What a server's log tells of errors: Python tracebacks, lines of level ERROR and above, answers 5xx.

Formats: uvicorn ("ERROR:    …"), gunicorn ("[2026-11-24 09:12:03 +0000] [4711] [ERROR] …"), flask, celery and any
`logging` format whose level stands before the message, Django's "Internal Server Error: /path", JSON lines.
Tracebacks and exception groups: https://docs.python.org/3/library/traceback.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

_ANSI = re.compile(r"\x1b\[[\d;]*m")
_ACCESS = re.compile(r'"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) [^"]*" (\d{3})\b')
_LEVEL = re.compile(
    r"(?<![\w-])(TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL)(?=[\s:/\]|,)-]|$)"
)
_HEADER = re.compile(r"(?:[\[(\d][^\"]{0,120})?")
_JSON = re.compile(r'(?i)"(?:level|levelname|severity|log\.level)" ?: ?"(?:error|critical|fatal)"')
_DJANGO = re.compile(r"Internal Server Error: /")
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_IN_GROUP = re.compile(r"^\s*\| ?")
_GROUP_RULE = re.compile(r"^\s*\+-")
_FRAME = re.compile(r'^\s+File "([^"]+)", line (\d+)')
_LIBRARY = re.compile(r"/site-packages/|/dist-packages/|/lib/python3|^<")
_ENDED = re.compile(r"(?:KeyboardInterrupt|SystemExit|(?:asyncio\.exceptions\.)?CancelledError)\b")
_DATED = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,]\d+)? ?(Z|[+-]\d\d:?\d\d)")
_LONGEST = 300  # characters of a line that are shown


@dataclass(frozen=True, slots=True)
class Trouble:
    """One error, e.g. Trouble("ValueError: no such role (/srv/app/main.py:12)"); `at` where its line has a zone."""

    words: str
    at: datetime | None = None


@dataclass(slots=True)
class _Open:
    """An error that is being read: its header's line, and of its last traceback the frame and the exception."""

    header: str = ""
    frame: str = ""
    exception: str = ""
    reading: bool = False
    linked: bool = False


@dataclass(slots=True)
class _Reader:
    found: list[Trouble] = field(default_factory=list)
    now: _Open | None = None

    def close(self) -> None:
        """End the error that is being read; how a process is told to end is none."""
        each, self.now = self.now, None
        if each is not None and (each.header or not _ENDED.match(each.exception)):
            self.found.append(Trouble(_words(each), _dated(each.header)))


def plain(text: str) -> str:
    """Return the text without terminal colours."""
    return _ANSI.sub("", text)


def troubles(text: str) -> tuple[Trouble, ...]:
    """Return every error in a plain log, in its order: a traceback counts with the line that announces it."""
    reader = _Reader()
    for line in text.splitlines():
        _take(reader, line)
    reader.close()
    return tuple(reader.found)


def failures(text: str) -> int:
    """Return how many access lines tell an answer 5xx."""
    return sum(found[1].startswith("5") for found in _ACCESS.finditer(text))


def since_its_start(text: str, pid: int) -> str | None:
    """Return what follows the line in which the server names its own start and pid, None without such a line."""
    said = re.compile(
        rf"Started (?:server|parent|reloader) process \[{pid}\]|\[{pid}\] \[INFO\] Starting gunicorn"
    )
    ends = [found.end() for found in said.finditer(text)]
    return text[ends[-1] :] if ends else None


def _take(reader: _Reader, raw: str) -> None:
    line = _IN_GROUP.sub("", raw)
    now = reader.now
    if _TRACEBACK in line:
        if now is None or (now.exception and not now.linked):
            reader.close()
            now = reader.now = _Open()
        now.reading, now.linked = True, False
        header = line.partition(_TRACEBACK)[0]
        now.header = now.header or (header if _announces(header) else "")
    elif now is not None and now.reading:
        _in_traceback(now, line)
    elif now is not None and (line in _CHAINED or _GROUP_RULE.match(raw)):
        now.linked = True
    elif _announces(line):
        reader.close()
        reader.now = _Open(header=line)
    elif now is not None and line and not now.linked and not now.exception:
        reader.close()


def _in_traceback(now: _Open, line: str) -> None:
    frame = _FRAME.match(line)
    if frame:
        if not now.frame or not _LIBRARY.search(frame[1]):
            now.frame = f"{frame[1]}:{frame[2]}"
    elif line and not line[0].isspace():
        now.exception, now.reading = line, False


def _announces(line: str) -> bool:
    """Return whether the line is of level ERROR or above: its first level word, before any message."""
    if _ACCESS.search(line):
        return False
    if line.startswith("{"):
        return _JSON.search(line) is not None
    level = _LEVEL.search(line)
    if level is None or not _HEADER.fullmatch(line[: level.start()]):
        return _DJANGO.match(line) is not None
    return level[1] in ("ERROR", "CRITICAL", "FATAL")


def _words(each: _Open) -> str:
    where = f" ({each.frame})" if each.frame else ""
    return f"{(each.exception or each.header).strip()[:_LONGEST]}{where}"


def _dated(header: str) -> datetime | None:
    """Return the time of a line that tells its zone; a local time may be of any zone."""
    found = _DATED.search(header[:80])
    if found:
        with suppress(ValueError):
            return datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3]}")
    return None


def newest(found: tuple[Trouble, ...], count: int = 3) -> Iterator[str]:
    """Yield the words of the last few, newest first."""
    yield from (each.words for each in found[: -count - 1 : -1])
