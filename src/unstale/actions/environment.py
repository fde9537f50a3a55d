"""Installs what a lock asks for; the former environment is kept whole, so undo is a rename.

It is kept by hard links: uv and pip replace files by unlink and create, so it never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.files import SwapBack, hide, listing
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.environment import Environments
from unstale.facts.installed_copies import InstalledCopies
from unstale.facts.locks import Locks
from unstale.facts.requirements import unmet
from unstale.host import Host
from unstale.layer import Layer, Risk


@dataclass(frozen=True, slots=True)
class SyncEnvironment(Action):
    """Install what differs from the lock; nothing that the lock does not name is removed.

    `pins` ("six==1.17.0") are installed instead of the lock where uv cannot read it (poetry.lock).
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.ENVIRONMENT
    undoable: ClassVar[bool] = True

    prefix: str
    lock: str
    pins: tuple[str, ...] = ()

    def title(self) -> str:
        return f"install what {Path(self.lock).name} asks for"

    def preview(self) -> tuple[str, ...]:
        return (" ".join((*self._variables(), "uv", *self._words())),)

    def settled(self, facts: Facts) -> bool:
        environments, locks = facts.get(Environments), facts.get(Locks)
        mine = (each for each in locks.locks if each.prefix == self.prefix)
        return not any(unmet(locked, environments) for locked in mine)

    def blocked(self, facts: Facts) -> str | None:
        return why_not_kept(facts, self.prefix)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(kept_aside(keep), self.prefix)

    def apply(self, host: Host, keep: Keep) -> None:
        _install(host, keep, self.prefix, self._words(), str(Path(self.lock).parent))

    def _words(self) -> tuple[str, ...]:
        place = Path(self.lock)
        python = ("--python", f"{self.prefix}/bin/python")
        if place.name == "uv.lock":
            mode = ("--frozen", "--inexact", "--no-default-groups")
            return ("sync", *mode, *python, "--project", str(place.parent))
        if self.pins:
            return ("pip", "install", *python, "--no-deps", *self.pins)
        return ("pip", "install", *python, "-r", self.lock)

    def _variables(self) -> tuple[str, ...]:
        sync = Path(self.lock).name == "uv.lock"
        return (f"UV_PROJECT_ENVIRONMENT={self.prefix}",) if sync else ()


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
        return (" ".join(("uv", *self._words())),)

    def settled(self, facts: Facts) -> bool:
        copies = facts.get(InstalledCopies).copies
        return not any((each.prefix, each.name) == (self.prefix, self.name) for each in copies)

    def blocked(self, facts: Facts) -> str | None:
        return why_not_kept(facts, self.prefix)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(kept_aside(keep), self.prefix)

    def apply(self, host: Host, keep: Keep) -> None:
        _install(host, keep, self.prefix, self._words(), self.source)

    def _words(self) -> tuple[str, ...]:
        python = f"{self.prefix}/bin/python"
        return ("pip", "install", "--python", python, "--no-deps", "-e", self.source)


def kept_aside(keep: Keep) -> str:
    """Return where a step keeps the former environment."""
    return f"{keep.trash}/environment"


def why_not_kept(facts: Facts, prefix: str) -> str | None:
    """Refuse where the former environment could not be kept, and put back, by a rename."""
    place = facts.host.stat(prefix, follow=False)
    root = facts.host.stat(str(facts.project.root))
    if place is None or place.kind != "dir":
        return f"{prefix} is no directory of its own, so the former environment cannot be kept"
    if root is None or place.device != root.device:
        return f"{prefix} is on another filesystem, so the former environment cannot be kept"
    return None


def _install(host: Host, keep: Keep, prefix: str, words: tuple[str, ...], cwd: str) -> None:
    """Keep the environment, then run uv. Raises Failed with uv's last words.

    The kept one gets its name when it is complete: half of one must never be put back.
    """
    kept = kept_aside(keep)
    hide(host, keep.trash)
    host.clone(prefix, f"{kept}.partial")
    host.rename(f"{kept}.partial", kept)
    run_uv(host, words, prefix, cwd)
    host.write(f"{kept}.after", listing(host, prefix).encode("utf-8", "surrogateescape"))


def run_uv(host: Host, words: tuple[str, ...], prefix: str, cwd: str) -> None:
    """Run uv for an environment. Raises Failed with its last words."""
    from uv import find_uv_bin  # noqa: PLC0415 - the installer is loaded when it is needed

    env = (("UV_PROJECT_ENVIRONMENT", prefix), ("VIRTUAL_ENV", prefix))
    argv = (find_uv_bin(), *words)
    done = host.act(argv, cwd=cwd, env=env)
    if done.code != 0:
        # uv asks the index even for what its cache holds; without a network the cache may do
        done = host.act((*argv, "--offline"), cwd=cwd, env=env) if _no_network(done.err) else done
    if done.code != 0:
        lines = [line.strip() for line in done.err.strip().splitlines() if line.strip()]
        why, again = " | ".join(lines[-4:]), f"uv {' '.join(words)}"
        raise Failed(what="uv did not install", why=why, next=again)


def _no_network(text: str) -> bool:
    return any(words in text for words in ("error sending request", "Failed to fetch", "dns error"))
