"""Health routes in the source whose answers cannot be what they say, and the edit that cures them."""

from __future__ import annotations

import ast
import difflib
import re
from contextlib import suppress
from dataclasses import dataclass

from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.sources import setting_up
from unstale.layer import Layer
from unstale.project import Backend

_PAIR = re.compile(r"}\s*,\s*[45]\d\d\b")
_KINDS = frozenset({"fastapi", "starlette"})


@dataclass(frozen=True, slots=True)
class LyingRoute:
    """A route that returns `{...}, 500`, which these frameworks send as HTTP 200. `patch` is a unified diff for git."""

    path: str
    file: str
    line: int
    patch: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRoutes(Fact):
    """The routes of FastAPI and Starlette back ends that return a tuple."""

    layer = Layer.HTTP

    lying: tuple[LyingRoute, ...]

    @classmethod
    def gather(cls, facts: Facts) -> HealthRoutes:
        backends = [each for each in facts.project.backends if each.kind in _KINDS]
        if not backends:
            raise Absent(
                what="no such back end",
                why="no FastAPI or Starlette back end here",
                next="Nothing to do.",
            )
        found = [route for backend in backends for route in _lying(facts, backend)]
        return cls(seen_at=facts.host.now(), lying=tuple(found))


def _lying(facts: Facts, backend: Backend) -> list[LyingRoute]:
    found = []
    for path, text in facts.shared(setting_up, str(backend.path)):
        if "return" in text and _PAIR.search(text):
            with suppress(SyntaxError):
                found += _in_source(facts, path, text)
    return found


def _in_source(facts: Facts, path: str, text: str) -> list[LyingRoute]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            route = _route(node)
            returns = [
                each
                for each in ast.walk(node)
                if isinstance(each, ast.Return) and _status(each) is not None
            ]
            if route and returns:
                patch = _patch(facts.project.relative(path), text, node, returns)
                found.append(
                    LyingRoute(route, facts.project.relative(path), returns[0].lineno, patch)
                )
    return found


def _route(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """Return the path of `@router.get("/path")` and the like."""
    for each in node.decorator_list:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.args:
            first = each.args[0]
            if each.func.attr in ("get", "route", "api_route") and isinstance(first, ast.Constant):
                return str(first.value)
    return None


def _status(node: ast.Return) -> int | None:
    """Return the number in `return {...}, 500`."""
    value = node.value
    if (
        isinstance(value, ast.Tuple)
        and len(value.elts) == 2  # noqa: PLR2004 - a pair
        and isinstance(value.elts[0], ast.Dict)
    ):
        last = value.elts[1]
        if isinstance(last, ast.Constant) and isinstance(last.value, int) and last.value >= 400:  # noqa: PLR2004 - RFC 9110, 15.5
            return last.value
    return None


def _patch(
    path: str, text: str, node: ast.FunctionDef | ast.AsyncFunctionDef, returns: list[ast.Return]
) -> tuple[str, ...]:
    """Return the diff: a JSONResponse with that status, and HTTPException let through a broad except."""
    lines = text.splitlines(keepends=True)
    after = list(lines)
    for each in returns:
        after[each.lineno - 1 : each.end_lineno] = [_answered(text, each)] + [""] * (
            (each.end_lineno or 0) - each.lineno
        )
    for handler in (each for each in ast.walk(node) if isinstance(each, ast.Try)):
        broad = next((each for each in handler.handlers if _broad(each)), None)
        if (
            broad is not None
            and any(isinstance(each, ast.Raise) for each in ast.walk(handler))
            and "HTTPException" in text
        ):
            indent = lines[broad.lineno - 1][
                : len(lines[broad.lineno - 1]) - len(lines[broad.lineno - 1].lstrip())
            ]
            after[broad.lineno - 1] = (
                f"{indent}except HTTPException:\n{indent}    raise\n" + after[broad.lineno - 1]
            )
    if "import JSONResponse" not in text:
        at = next(
            (
                number
                for number, line in enumerate(lines)
                if line.startswith(("from fastapi", "import fastapi", "from starlette"))
            ),
            0,
        )
        after[at] = after[at] + "from fastapi.responses import JSONResponse\n"
    new = "".join(after).splitlines(keepends=True)
    diff = difflib.unified_diff(lines, new, f"a/{path}", f"b/{path}")
    return tuple(line.rstrip("\n") for line in diff)


def _answered(text: str, node: ast.Return) -> str:
    assert isinstance(node.value, ast.Tuple)  # noqa: S101 - _status saw it
    body = ast.get_source_segment(text, node.value.elts[0])
    line = text.splitlines()[node.lineno - 1]
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}return JSONResponse({body}, status_code={_status(node)})\n"


def _broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    )
