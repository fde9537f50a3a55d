"""Installs what a lock asks for; the former environment is kept whole by hard links, so undo is a rename."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.files import SwapBack, hide
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.environment import Environments
from unstale.facts.locks import Locks
from unstale.host import Host
from unstale.facts.requirements import unmet
from unstale.layer import Layer, Risk


@dataclass(frozen=True, slots=True)
class SyncEnvironment(Action):
    """Install what differs from the lock; nothing that the lock does not name is removed."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.ENVIRONMENT
    undoable: ClassVar[bool] = True

    prefix: str
    lock: str

    def title(self) -> str:
        return f"install what {Path(self.lock).name} asks for"

    def preview(self) -> tuple[str, ...]:
        return (" ".join(("uv", *_install(self.prefix, self.lock))),)

    def settled(self, facts: Facts) -> bool:
        environments, locks = facts.get(Environments), facts.get(Locks)
        return not any(unmet(locked, environments) for locked in locks.locks if locked.prefix == self.prefix)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(f"{keep.trash}/environment", self.prefix)

    def apply(self, host: Host, keep: Keep) -> None:
        hide(host, keep.trash)
        host.clone(self.prefix, f"{keep.trash}/environment")
        _run(host, self.prefix, _install(self.prefix, self.lock), str(Path(self.lock).parent))


@dataclass(frozen=True, slots=True)
class Reinstall(Action):
    """Install a directory again as an editable, so that the environment follows the checkout."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.BYTECODE
    undoable: ClassVar[bool] = True

    prefix: str
    source: str
    name: str

    def title(self) -> str:
        return f"install {self.name} from the checkout as an editable"

    def preview(self) -> tuple[str, ...]:
        return (f"uv pip install --python {self.prefix}/bin/python --no-deps -e {self.source}",)

    def settled(self, facts: Facts) -> bool:
        found = [each.find(self.name) for each in facts.get(Environments).environments if each.prefix == self.prefix]
        return all(each is None or each.editable for each in found)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(f"{keep.trash}/environment", self.prefix)

    def apply(self, host: Host, keep: Keep) -> None:
        hide(host, keep.trash)
        host.clone(self.prefix, f"{keep.trash}/environment")
        words = ("pip", "install", "--python", f"{self.prefix}/bin/python", "--no-deps", "-e", self.source)
        _run(host, self.prefix, words, self.source)


def _install(prefix: str, lock: str) -> tuple[str, ...]:
    place = Path(lock)
    if place.name in ("uv.lock", "poetry.lock"):
        return ("sync", "--frozen", "--inexact", "--project", str(place.parent))
    return ("pip", "install", "--python", f"{prefix}/bin/python", "-r", lock)


def _run(host: Host, prefix: str, words: tuple[str, ...], cwd: str) -> None:
    """Run uv. Raises Failed with its last words; the caller's inverse brings the former environment back."""
    from uv import find_uv_bin  # the installer is only loaded when it is needed

    if Path(words[-1]).name == "poetry.lock":
        raise Failed(what="uv cannot install from poetry.lock", why="only poetry reads it", next="poetry install")
    done = host.act((find_uv_bin(), *words), cwd=cwd, env=(("UV_PROJECT_ENVIRONMENT", prefix), ("VIRTUAL_ENV", prefix)))
    if done.code != 0:
        lines = [line.strip() for line in done.err.strip().splitlines() if line.strip()]
        raise Failed(what="uv did not install", why=" | ".join(lines[-4:]), next=f"uv {' '.join(words)}")
