"""The shape of the code: what a stranger may rely on when looking for a room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CEILING = 200
TALL = {
    "src/unstale/guard/import_guard.py": "it runs alone in the project's Python, so it holds all it needs",
    "src/unstale/guard/run_migrations.py": "it runs alone in the project's Python, so it holds all it needs",
    "src/unstale/guard/redirection.py": "the same, and one wall has no gaps between modules",
    "lab/arena.py": "the one object that every fault is written against",
}
MODULES = sorted(
    str(path.relative_to(ROOT))
    for place in ("src", "health/src", "lab")
    for path in (ROOT / place).rglob("*.py")
)
NAMELESS = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "misc"}


@pytest.mark.parametrize("module", MODULES)
def test_module_fits_the_ceiling_or_says_why_not(module: str) -> None:
    lines = len((ROOT / module).read_text("utf-8").splitlines())
    assert (lines > CEILING) == (module in TALL), lines


@pytest.mark.parametrize("module", [each for each in MODULES if not each.startswith("health/")])
def test_module_has_a_name_and_says_what_it_holds(module: str) -> None:
    assert Path(module).stem not in NAMELESS
    assert ast.get_docstring(ast.parse((ROOT / module).read_text("utf-8")))


@pytest.mark.parametrize("module", MODULES)
def test_suppression_has_its_reason(module: str) -> None:
    for line in (ROOT / module).read_text("utf-8").splitlines():
        for mark in ("type: ignore", "noqa"):
            if f"# {mark}" in line and "guard/" not in module:
                rest = line.rpartition(f"# {mark}")[2]
                assert " - " in rest or "  # " in rest, line


def test_checks_do_no_looking_of_their_own() -> None:
    """What a check reads is in its signature; import-linter holds the doors shut."""
    for module in (each for each in MODULES if "/checks/" in each):
        names = {
            node.func.id
            for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not names & {"open", "print", "input", "exec", "eval"}, module
