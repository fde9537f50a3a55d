"""Installs node modules from the lock and rebuilds a front end; what was there before is kept by rename."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.files import SwapBack, hide, swap
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.build import Builds
from unstale.facts.node import NodeModules
from unstale.host import Host
from unstale.layer import Layer, Risk


@dataclass(frozen=True, slots=True)
class InstallNodeModules(Action):
    """Install exactly what package-lock.json says; the lock is never rewritten."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.NODE
    undoable: ClassVar[bool] = True

    frontend: str

    def title(self) -> str:
        return f"install node modules from the lock in {Path(self.frontend).name}"

    def preview(self) -> tuple[str, ...]:
        return (f"cd {self.frontend} && npm ci",)

    def settled(self, facts: Facts) -> bool:
        trees = facts.get(NodeModules).trees
        return not any(each.differing for each in trees if each.frontend == self.frontend)

    def blocked(self, facts: Facts) -> str | None:
        return None if facts.host.which("npm") else "npm is not installed on this machine"

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(f"{keep.trash}/node_modules", f"{self.frontend}/node_modules")

    def apply(self, host: Host, keep: Keep) -> None:
        hide(host, keep.trash)
        host.rename(f"{self.frontend}/node_modules", f"{keep.trash}/node_modules")
        run_node(host, self.frontend, ("npm", "ci", "--no-audit", "--no-fund"))


@dataclass(frozen=True, slots=True)
class Rebuild(Action):
    """Build the front end beside the present output, then swap: a build that fails leaves the former one.

    `anew`: also where nothing is newer than the build, and nothing of the former one is left to it.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.BUILD
    undoable: ClassVar[bool] = True

    frontend: str
    kind: str
    command: tuple[str, ...]
    dist: str
    anew: bool = False

    def title(self) -> str:
        return f"build the front end in {Path(self.frontend).name}"

    def preview(self) -> tuple[str, ...]:
        return (f"cd {self.frontend} && {' '.join(self.command)}",)

    def settled(self, facts: Facts) -> bool:
        if self.anew:
            return False
        builds = [each for each in facts.get(Builds).builds if each.frontend == self.frontend]
        return bool(builds) and not any(each.newer or each.unbaked for each in builds)

    def blocked(self, facts: Facts) -> str | None:
        program = self.command[0]
        return None if facts.host.which(program) else f"{program} is not installed on this machine"

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(f"{keep.trash}/build", self.dist)

    def apply(self, host: Host, keep: Keep) -> None:
        hide(host, keep.trash)
        if self.kind != "vite":
            self._in_place(host, f"{keep.trash}/build")
            return
        made = f"{keep.trash}/made"
        words = (
            ("--", "--outDir", made, "--emptyOutDir")
            if "run" in self.command
            else ("--outDir", made, "--emptyOutDir")
        )
        run_node(host, self.frontend, (*self.command, *words))
        if host.stat(f"{made}/index.html") is None:
            raise Failed(
                what="the build made no index.html",
                why="its script ignores --outDir",
                next=self.preview()[0],
            )
        swap(host, made, self.dist, f"{keep.trash}/build")

    def _in_place(self, host: Host, kept: str) -> None:
        """Build where only the script knows the place; `anew` from nothing, since nobody is served meanwhile."""
        if self.anew:
            host.rename(self.dist, kept)
        else:
            _copy(host, self.dist, kept)
        run_node(host, self.frontend, self.command)
        if host.stat(self.dist) is None:
            raise Failed(
                what="the build made nothing",
                why=f"{self.dist} is not there after it",
                next=self.preview()[0],
            )


def _copy(host: Host, source: str, target: str) -> None:
    """Copy a tree's bytes: a build may write into its former files, which hard links would share with the copy."""
    partial = f"{target}.partial"
    host.makedirs(str(Path(target).parent))
    done = host.act(("cp", "--archive", "--reflink=auto", "--", source, partial))
    if done.code != 0:
        raise Failed(what=f"cannot keep {source}", why=done.err.strip(), next=f"ls -la {source}")
    host.rename(partial, target)


def run_node(host: Host, frontend: str, argv: tuple[str, ...]) -> None:
    """Run a packager in a front end. Raises Failed with its last words."""
    done = host.act(argv, cwd=frontend, env=(("NO_COLOR", "1"),))
    if done.code != 0:
        lines = [
            line.strip() for line in (done.err + done.out).strip().splitlines() if line.strip()
        ]
        raise Failed(
            what=f"{argv[0]} failed",
            why=" | ".join(lines[-4:]),
            next=f"cd {frontend} && {' '.join(argv)}",
        )
