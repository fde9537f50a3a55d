"""What a Dockerfile copies from its build context, stage by stage; pure.

Instructions: https://docs.docker.com/reference/dockerfile/; a path with a variable is left out, because its value
is known to the build alone.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import dataclass

_CONTINUED = re.compile(r"\\[ \t]*\n(?:[ \t]*#[^\n]*\n)*")
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)")
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tar\.\w+)$")
_FOREIGN = re.compile(r"^(?:--\S+\s+)*--from=")
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Copy:
    """One COPY or ADD from the context: patterns below it, and an absolute target.

    `final` is False for a stage whose result is only copied on: its files are not in the image as they are.
    `into` is True where the target is a directory that the sources go into. `plain`: no later instruction can have
    changed what was copied.
    """

    sources: tuple[str, ...]
    target: str
    into: bool
    final: bool
    plain: bool


@dataclass(slots=True)
class _Stage:
    base: str
    name: str
    workdir: str | None
    copies: list[tuple[tuple[str, ...], str, bool]]
    changed: int = 0  # how many of the copies stand before its last RUN or COPY --from
    runs: bool = False


def copies(text: str, workdir: str, target: str | None = None) -> tuple[Copy, ...]:
    """Return what the build copies. `workdir` is the image's own, for a stage that sets none; `target` a stage."""
    stages = _stages(text, workdir)
    if not stages:
        return ()
    wanted = next((each for each in stages if target and each.name == target.lower()), stages[-1])
    final = [wanted]
    while base := _named(stages, final[-1].base):
        final.append(base)
    found = []
    for stage in stages:
        later = final[: final.index(stage)] if stage in final else []
        quiet = not any(each.runs for each in later)
        found += [
            Copy(*copied, final=stage in final, plain=quiet and at >= stage.changed)
            for at, copied in enumerate(stage.copies)
        ]
    return tuple(found)


def _named(stages: list[_Stage], name: str) -> _Stage | None:
    return next((each for each in stages if each.name == name), None)


def _stages(text: str, workdir: str) -> list[_Stage]:
    found: list[_Stage] = []
    for word, rest in _instructions(text):
        if word == "FROM" and (match := _FROM.match(rest)):
            base = _named(found, match[1].lower())
            place = base.workdir if base else None
            found.append(_Stage(match[1].lower(), (match[2] or "").lower(), place, []))
        elif found and (word == "RUN" or (word == "COPY" and _FOREIGN.search(rest))):
            found[-1].runs, found[-1].changed = True, len(found[-1].copies)
        elif found and word == "WORKDIR":
            found[-1].workdir = posixpath.join(found[-1].workdir or "/", rest.strip("\"'"))
        elif found and word in ("COPY", "ADD"):
            copied = _copied(rest, found[-1].workdir or workdir)
            if word == "ADD" and copied and any(_ARCHIVE.search(each) for each in copied[0]):
                copied = None  # it is unpacked
            found[-1].copies += [copied] if copied else []
    return found


def _instructions(text: str) -> list[tuple[str, str]]:
    found, ends = [], ""
    for line in _CONTINUED.sub(" ", text).splitlines():
        if ends:
            ends = "" if line.strip() == ends else ends
            continue
        word, _, rest = line.strip().partition(" ")
        if word and not word.startswith("#"):
            heredoc = _HEREDOC.search(rest)
            ends = heredoc[1] if heredoc else ""
            if not heredoc or word.upper() == "RUN":
                found.append((word.upper(), rest.strip()))
    return found


def _copied(rest: str, workdir: str) -> tuple[tuple[str, ...], str, bool] | None:
    flags = re.match(r"(?:--\S+\s+)*", rest)
    if flags and re.search(r"--(?:exclude|parents)\b", flags[0]):
        return None  # what they leave out, or where it goes, is the build's to say
    words = _words(rest[flags.end() :] if flags else rest)
    if len(words) < 2:  # noqa: PLR2004 - a source and a target
        return None
    *sources, target = words
    if any("$" in word or "://" in word for word in words) or "$" in workdir:
        return None
    place = posixpath.normpath(posixpath.join(workdir, target))
    into = target.endswith(("/", "/.")) or target == "." or len(sources) > 1
    return tuple(posixpath.normpath(each.lstrip("/") or ".") for each in sources), place, into


def _words(rest: str) -> list[str]:
    try:
        return (
            [str(each) for each in json.loads(rest)] if rest.startswith("[") else shlex.split(rest)
        )
    except ValueError:
        return []
