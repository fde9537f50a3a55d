"""A check: a pure function of facts, found by walking `unstale.checks`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from unstale.action import Action, Edit
from unstale.fact import Fact, Facts
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Layer, Risk, Severity

HEADINGS = (
    "What it proves",
    "Why it matters",
    "How it gets this way",
    "How it is seen",
    "What is not flagged",
    "Fix, risk and undo",
)
RETIRED: dict[str, str] = {}

Verdict = Finding | Fresh | Unknown
Judge = Callable[..., Iterator[Verdict]]


@dataclass(frozen=True, slots=True)
class Check:
    """A check and what its file says about it. `needs` pairs each fact with whether it may be absent."""

    code: str
    title: str
    layer: Layer
    since: str
    severity: Severity
    fix: type[Action]
    slug: str
    doc: str
    needs: tuple[tuple[type[Fact], bool], ...]
    judge: Judge
    where: str

    @property
    def manual(self) -> bool:
        """Return whether a person must make the edit."""
        return self.fix.risk is Risk.MANUAL

    def verdicts(self, facts: Facts) -> tuple[Verdict, ...]:
        """Judge. Raises what the facts raise: Absent, Unavailable, Skipped."""
        given = [
            facts.maybe(kind) if optional else facts.get(kind) for kind, optional in self.needs
        ]
        return tuple(self.judge(*given))


def check(
    code: str,
    title: str,
    *,
    layer: Layer,
    since: str,
    severity: Severity = Severity.STALE,
    fix: type[Action] = Edit,
) -> Callable[[Judge], Judge]:
    """Mark a function as the check of its file. A malformed one raises TypeError with file and line."""

    def mark(judge: Judge) -> Judge:
        judge.__unstale__ = _checked(judge, code, title, layer, since, severity, fix)  # type: ignore[attr-defined]  # read by catalogue()
        return judge

    return mark


@cache
def catalogue() -> tuple[Check, ...]:
    """Return every check in the order of repair, then of codes."""
    package = importlib.import_module("unstale.checks")
    found: list[Check] = []
    for info in pkgutil.walk_packages(package.__path__, "unstale.checks."):
        if info.ispkg:
            continue
        module = importlib.import_module(info.name)
        marked = [
            item.__unstale__
            for item in vars(module).values()
            if callable(item) and hasattr(item, "__unstale__") and item.__module__ == info.name
        ]
        if len(marked) != 1:
            msg = f"{module.__file__}:1: a file in checks/ holds exactly one check, this one {len(marked)}"
            raise TypeError(msg)
        found.append(marked[0])
    _require_unique(found)
    return tuple(sorted(found, key=lambda each: (each.layer.position, each.code)))


def by_code(code: str) -> Check | None:
    """Return the check of that code, in any case."""
    return next((each for each in catalogue() if each.code == code.upper()), None)


def _checked(  # noqa: PLR0917 - what the decorator was given
    judge: Judge,
    code: str,
    title: str,
    layer: Layer,
    since: str,
    severity: Severity,
    fix: type[Action],
) -> Check:
    file = inspect.getsourcefile(judge) or "?"
    where = f"{file}:{judge.__code__.co_firstlineno}"
    slug = judge.__name__
    doc = inspect.getdoc(judge) or ""
    if not re.fullmatch(rf"{layer.value}\d{{3}}", code):
        _malformed(where, f"{code} is no code of layer {layer.value}")
    if code in RETIRED:
        _malformed(where, f"{code} is retired: {RETIRED[code]}")
    if not file.endswith(f"/{slug}.py"):
        _malformed(where, f"the function {slug} must stand in {slug}.py")
    if len(title) > 72:  # noqa: PLR2004 - the contract's width
        _malformed(where, "the title is longer than 72 characters")
    for heading in HEADINGS:
        if f"\n{heading}\n" not in f"\n{doc}\n":
            _malformed(where, f'the docstring lacks the heading "{heading}"')
    return Check(
        code, title, layer, since, severity, fix, slug, doc, _needs(judge, where), judge, where
    )


def _needs(judge: Judge, where: str) -> tuple[tuple[type[Fact], bool], ...]:
    hints = get_type_hints(judge)
    hints.pop("return", None)
    return tuple(_need(hint, where) for hint in hints.values())


def _need(hint: Any, where: str) -> tuple[type[Fact], bool]:
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
        optional, hint = True, kinds[0] if len(kinds) == 1 else hint
    if not (isinstance(hint, type) and issubclass(hint, Fact)):
        _malformed(where, f"a parameter is no fact: {hint}")
    return hint, optional


def _require_unique(found: list[Check]) -> None:
    seen: dict[str, Check] = {}
    for each in found:
        if each.code in seen:
            _malformed(each.where, f"{each.code} is used by {seen[each.code].where}")
        seen[each.code] = each


def _malformed(where: str, what: str) -> None:
    msg = f"{where}: {what}"
    raise TypeError(msg)
