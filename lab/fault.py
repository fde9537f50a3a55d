"""One fault of the lab, as its module under lab/faults tells it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.arena import Arena
from unstale.check import Check, by_code

Felt = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Fault:
    """`inject` makes it so and returns what the user did.

    `felt` says what a request shows now and whether that is right, None where no request shows it. `edit` is what a
    person does with the lines that a manual fix prints, `after_fix` what the user does besides `unstale fix`.
    """

    check: Check
    inject: Callable[[Arena], str]
    felt: Callable[[Arena], Felt] | None
    edit: Callable[[Arena, tuple[str, ...]], None] | None
    after_fix: Callable[[Arena], None] | None


def fault_of(check: Check) -> Fault:
    """Return the check's fault: the module of the same layer and slug. Raises ModuleNotFoundError."""
    layer = Path(check.where).parent.name
    module = importlib.import_module(f"lab.faults.{layer}.{check.slug}")
    parts = {name: getattr(module, name, None) for name in ("felt", "edit", "after_fix")}
    return Fault(check, module.inject, **parts)


def of_code(code: str) -> Fault:
    """Return the fault of that code. Raises KeyError."""
    check = by_code(code)
    if check is None:
        raise KeyError(code)
    return fault_of(check)
