"""Builds the front ends of a release; one whose inputs are those of an earlier release is taken from there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.make_release import DiscardRelease
from unstale.actions.new_modules import COMMANDS, LOCKS
from unstale.actions.node import run_node
from unstale.deploy import manifest
from unstale.deploy.assets import built_before, publish
from unstale.deploy.content import content
from unstale.deploy.front_end import hashed_assets, inputs, lock_digest, output
from unstale.deploy.home import Home
from unstale.deploy.manifest import Built
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.host import Host
from unstale.layer import Layer, Risk
from unstale.project import Frontend


@dataclass(frozen=True, slots=True)
class ReleaseFrontEnd(Action):
    """Install from the lock and build, in the release, each front end; publish what is named by its content.

    `command` is `[deploy] build`, "" for each front end's own. node_modules goes after the build, unless the back end
    names it: then it serves from it, and nothing is taken from an earlier release.
    """

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.BUILD

    home: str
    id: str
    root: str
    command: str = ""

    def title(self) -> str:
        return f"build the front end of release {self.id}"

    def preview(self) -> tuple[str, ...]:
        return (f"npm ci && {self.command or 'npm run build'}",)

    def settled(self, facts: Facts) -> bool:
        made = manifest.read(facts.host, self._home, self.id)
        return made.status != manifest.BUILDING or bool(made.front_ends)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return DiscardRelease(self.home, self.id)

    def apply(self, host: Host, keep: Keep) -> str:
        release = self._home.release(self.id)
        found = content(host, release, Path(self.root))
        serving = any(
            b"node_modules" in host.read(f"{found.backend.path}/{each.path}")
            for each in host.walk(str(found.backend.path), ("node_modules", ".venv", ".git"))
            if each.kind == "file" and each.path.endswith(".py")
        )
        made = []
        said = []
        for frontend in found.project.frontends:
            built = self._built(host, release, frontend, serving=serving)
            differing = publish(host, self._home, frontend.dist, built.assets)
            assets = tuple(each for each in built.assets if each not in differing)
            made.append(replace(built, assets=assets))
            source = f"taken from {built.reused_from}" if built.reused_from else "built"
            said.append(f"{built.path or 'front end'}: {source}")
            said += [f"{each} is not named by its content" for each in differing]
        manifest.change(host, self._home, self.id, front_ends=tuple(made))
        return "; ".join(said)

    @property
    def _home(self) -> Home:
        return Home(Path(self.home))

    def _built(self, host: Host, release: Path, frontend: Frontend, *, serving: bool) -> Built:
        command = tuple(shlex.split(self.command)) or frontend.build
        if not frontend.dist.is_relative_to(release) or frontend.dist == release:
            raise Failed(
                what=f"the build of {frontend.path.name} would be written to {frontend.dist}",
                why="that is outside of the release",
                next='Name its output in unstale.toml: [frontend] dist = "dist"',
            )
        digest = inputs(host, release, frontend, command)
        path = str(frontend.path.relative_to(release))
        usable = manifest.releases(host, self._home).usable()
        before = None if serving else built_before(usable, path, digest)
        taken = before is not None and self._taken(host, frontend, *before)
        whole = taken or _build(host, release, frontend, command, keep_modules=serving)
        return Built(
            path=path,
            dist=str(frontend.dist.relative_to(release)),
            lock=lock_digest(host, frontend),
            inputs=digest,
            output=output(host, frontend.dist) if whole else "",
            assets=hashed_assets(host, frontend),
            reused_from=before[1].reused_from or before[0].id if before and taken else None,
        )

    def _taken(
        self, host: Host, frontend: Frontend, earlier: manifest.Manifest, built: Built
    ) -> bool:
        """Take an earlier release's build by hard links; False where it is not what it was."""
        dist = self._home.release(earlier.id) / built.dist
        if not built.output or output(host, dist) != built.output:
            return False
        if host.stat(str(frontend.dist), follow=False) is not None:
            host.remove(str(frontend.dist), str(self._home.release(self.id)))
        host.clone(str(dist), str(frontend.dist))
        return True


def _build(
    host: Host, release: Path, frontend: Frontend, command: tuple[str, ...], *, keep_modules: bool
) -> bool:
    """Install and build; return whether nothing was written but its output. Raises Failed with either's last words."""
    place = str(frontend.path)
    if host.which(frontend.packager) is None:
        raise Failed(
            what=f"{frontend.path.name} cannot be built",
            why=f"{frontend.packager} is not installed on this machine",
            next=f"Install {frontend.packager}.",
        )
    lock = LOCKS.get(frontend.packager)
    locked = lock is None or host.stat(f"{place}/{lock}") is not None
    run_node(host, place, COMMANDS[frontend.packager] if locked else (frontend.packager, "install"))
    before = _files(host, release, frontend)
    run_node(host, place, command)
    if frontend.kind == "vite" and host.stat(f"{frontend.dist}/index.html") is None:
        raise Failed(
            what=f"the build of {frontend.path.name} made no {frontend.dist.name}/index.html",
            why=f"{' '.join(command)} ended well, and wrote elsewhere",
            next='Name its output in unstale.toml: [frontend] dist = "dist"',
        )
    if not keep_modules and host.stat(f"{place}/node_modules", follow=False) is not None:
        host.remove(f"{place}/node_modules", place)
    return _files(host, release, frontend) == before


def _files(host: Host, release: Path, frontend: Frontend) -> frozenset[tuple[str, int, int]]:
    """Return the release's files but for the build's output, so that a change shows."""
    dist = f"{frontend.dist.relative_to(release)}/"
    found = host.walk(str(release), ("node_modules", ".venv"))
    return frozenset(
        (each.path, each.size, each.mtime_ns)
        for each in found
        if each.kind == "file" and not each.path.startswith(dist)
    )
