"""Installs node modules anew from the lock; the former ones are kept whole by a rename."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from unstale.action import Action, Decided, Keep
from unstale.actions.files import SwapBack, hide
from unstale.actions.node import run_node
from unstale.fact import Facts
from unstale.host import Host
from unstale.layer import Layer, Risk
from unstale.project import Frontend

COMMANDS = {
    "npm": ("npm", "ci", "--no-audit", "--no-fund"),
    "pnpm": ("pnpm", "install", "--frozen-lockfile"),
    "yarn": ("yarn", "install", "--frozen-lockfile"),
    "bun": ("bun", "install", "--frozen-lockfile"),
}
LOCKS = {"pnpm": "pnpm-lock.yaml", "yarn": "yarn.lock", "npm": "package-lock.json"}


@dataclass(frozen=True, slots=True)
class NewNodeModules(Action):
    """Move node_modules aside and install again. `frozen`: there is no lock, so the present versions are taken."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.NODE
    undoable: ClassVar[bool] = True

    frontend: str
    packager: str
    frozen: bool
    cache: bool = True

    def title(self) -> str:
        source = "the versions that are installed now" if self.frozen else "the lock"
        return f"install node modules anew from {source}"

    def preview(self) -> tuple[str, ...]:
        aside = f"mv {self.frontend}/node_modules {self.frontend}/node_modules.former"
        words = " ".join((*COMMANDS[self.packager], *self._past("$(mktemp -d)")))
        return (aside, f"cd {self.frontend} && {words}")

    def settled(self, facts: Facts) -> bool:
        return False

    def blocked(self, facts: Facts) -> str | None:
        if facts.host.which(self.packager) is None:
            return f"{self.packager} is not installed on this machine"
        if self.frozen and facts.host.stat(self._hidden()) is None:
            return "there is no lock, and node_modules does not say what is installed in it"
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(f"{keep.trash}/node_modules", f"{self.frontend}/node_modules")

    def apply(self, host: Host, keep: Keep) -> None:
        hide(host, keep.trash)
        lock = f"{self.frontend}/package-lock.json"
        if self.frozen:
            made = _frozen(host, self.frontend, self._hidden())
            host.write(self._ours(keep), made)
            host.write(lock, made, 0o644)
        try:
            host.rename(f"{self.frontend}/node_modules", f"{keep.trash}/node_modules")
            words = (*COMMANDS[self.packager], *self._past(f"{keep.trash}/cache"))
            run_node(host, self.frontend, words)
        finally:
            if self.frozen:  # the project has no lock, and gets none by this
                host.rename(lock, f"{keep.trash}/package-lock.json")

    def recover(self, facts: Facts, keep: Keep) -> Decided | None:
        """Take away the lock that was made for a killed install; the inverse does the rest."""
        host, lock = facts.host, f"{self.frontend}/package-lock.json"
        mine = self.frozen and host.stat(lock) is not None and host.stat(self._ours(keep))
        if mine and host.read(lock) == host.read(self._ours(keep)):
            host.rename(lock, f"{keep.trash}/package-lock.json")
        return None

    def _past(self, empty: str) -> tuple[str, ...]:
        """Return the words that lead npm past its cache, to an empty one."""
        return ("--cache", empty) if self.packager == "npm" and not self.cache else ()

    @staticmethod
    def _ours(keep: Keep) -> str:
        return f"{keep.trash}/frozen.json"

    def _hidden(self) -> str:
        return f"{self.frontend}/node_modules/.package-lock.json"


def modules_anew(facts: Facts, frontend: Frontend, *, cache: bool) -> NewNodeModules | None:
    """Return how node_modules is installed again; None where there is none."""
    place = str(frontend.path)
    if facts.host.stat(f"{place}/node_modules") is None:
        return None
    lock = LOCKS.get(frontend.packager)
    frozen = lock is not None and facts.host.stat(f"{place}/{lock}") is None
    return NewNodeModules(place, frontend.packager, frozen, cache)


def _frozen(host: Host, frontend: str, hidden: str) -> bytes:
    """Return a lock of what is installed: the hidden one (npm help folders) with the root's own entry."""
    document: dict[str, Any] = json.loads(host.read(hidden))
    manifest: dict[str, Any] = {}
    with suppress(ValueError):
        manifest = json.loads(host.read(f"{frontend}/package.json"))
    named = (
        "name",
        "version",
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
    )
    root = {key: manifest[key] for key in named if key in manifest}
    packages = {"": root, **document.get("packages", {})}
    whole = {**document, "requires": True, "packages": packages}
    return json.dumps(whole, indent=2).encode()
