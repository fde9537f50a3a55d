"""Makes the directory of a release: the code of a commit, and links to what outlives it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Decided, Keep
from unstale.actions.files import hide
from unstale.deploy import manifest
from unstale.deploy.export import export
from unstale.deploy.home import Home
from unstale.deploy.manifest import COMMITTED, READY, Manifest
from unstale.deploy.shared import Link, make
from unstale.errors import Failed, Unavailable
from unstale.fact import Facts
from unstale.facts.processes import ProcessTable
from unstale.host import Host
from unstale.layer import Layer, Risk


@dataclass(frozen=True, slots=True)
class MakeRelease(Action):
    """Export the commit, or the working tree on top of it, under the release's final name, and link what it shares.

    A renamed environment has dead scripts, so nothing is moved afterwards; BUILDING says until the end that it is not
    whole. `previous` is the release that a way back leads to.
    """

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.GIT

    home: str
    id: str
    root: str
    commit: str
    dirty: bool = False
    message: str = ""
    links: tuple[Link, ...] = ()
    previous: str | None = None

    def title(self) -> str:
        return f"make release {self.id}" + (" from the working tree" if self.dirty else "")

    def preview(self) -> tuple[str, ...]:
        place = self._home.release(self.id)
        files = (
            "git ls-files -z -co --exclude-standard | xargs -0 cp --parents -t"
            if self.dirty
            else ""
        )
        export = (
            f"{files} {place}" if self.dirty else f"git archive {self.commit} | tar -x -C {place}"
        )
        linked = (f"ln -s {each.target} {place}/{each.path}" for each in self.links)
        return (f"mkdir -p {place}", export, *linked)

    def settled(self, facts: Facts) -> bool:
        with suppress(Unavailable):
            return manifest.read(facts.host, self._home, self.id).status in (READY, COMMITTED)
        return False

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return DiscardRelease(self.home, self.id)

    def apply(self, host: Host, keep: Keep) -> str:
        home, scratch = self._home, f"{keep.trash}/export"
        release = str(home.release(self.id))
        if host.stat(release, follow=False) is not None:
            raise Failed(
                what=f"release {self.id} cannot be made",
                why=f"{release} is already there",
                next="unstale releases",
            )
        for place in (home.path, keep.trash):
            hide(host, place)
        for each in (home.path, home.releases, release):
            host.makedirs(str(each), 0o755)
        host.write(str(home.marker(self.id)), b"", 0o644)
        begun = Manifest(self.id, self.commit, self.dirty, self.message, host.now())
        manifest.write(host, home, begun)
        but = tuple(each.path for each in self.links)
        try:
            made = export(host, self.root, self.commit, release, scratch, dirty=self.dirty, but=but)
        finally:
            if host.stat(scratch) is not None:
                host.remove(scratch, str(keep.trash))
        for link in self.links:
            make(host, release, link)
        linked = tuple(each.path for each in self.links)
        of = {"tree": made.tree, "not_exported": made.missing, "linked": linked}
        manifest.change(host, home, self.id, previous=self.previous, **of)
        return f"not exported: {', '.join(made.missing)}" if made.missing else ""

    @property
    def _home(self) -> Home:
        return Home(Path(self.home))


@dataclass(frozen=True, slots=True)
class FinishRelease(Action):
    """Say that a release is whole: it is written out, then its status, and BUILDING goes last."""

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.BUILD

    home: str
    id: str

    def title(self) -> str:
        return f"finish release {self.id}"

    def preview(self) -> tuple[str, ...]:
        return (f"sync -f {self._home.release(self.id)}", f"rm {self._home.marker(self.id)}")

    def settled(self, facts: Facts) -> bool:
        return manifest.read(facts.host, self._home, self.id).status != manifest.BUILDING

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return DiscardRelease(self.home, self.id)

    def apply(self, host: Host, keep: Keep) -> None:
        release = str(self._home.release(self.id))
        done = host.act(("sync", "--file-system", release))
        if done.code != 0:
            raise Failed(what=f"{release} is not durable", why=done.err.strip(), next="dmesg")
        manifest.change(host, self._home, self.id, status=READY, ready_at=host.now())
        host.discard(str(self._home.marker(self.id)))

    def recover(self, facts: Facts, keep: Keep) -> Decided:
        """Finish it: all that the release is made of was there before."""
        self.apply(facts.host, keep)
        return Decided(done=True, words="it was finished")

    @property
    def _home(self) -> Home:
        return Home(Path(self.home))


@dataclass(frozen=True, slots=True)
class DiscardRelease(Action):
    """Remove a release that was never committed; what its links lead to stays. Raises Failed for a committed one."""

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.GIT

    home: str
    id: str

    def title(self) -> str:
        return f"remove release {self.id}"

    def preview(self) -> tuple[str, ...]:
        return (f"rm -r {Home(Path(self.home)).release(self.id)}",)

    def settled(self, facts: Facts) -> bool:
        return facts.host.stat(str(Home(Path(self.home)).release(self.id))) is None

    def blocked(self, facts: Facts) -> str | None:
        release = str(Home(Path(self.home)).release(self.id))
        why = _why_it_stays(facts.host, self.home, self.id)
        standing = facts.get(ProcessTable).processes
        inside = (each for each in standing if Path(each.cwd).is_relative_to(release))
        used = next(inside, None)
        return why or (f"process {used.pid} runs in it: {used.command}" if used else None)

    def apply(self, host: Host, keep: Keep) -> None:
        home = Home(Path(self.home))
        why = _why_it_stays(host, self.home, self.id)
        if why is not None:
            raise Failed(what=f"release {self.id} stays", why=why, next="unstale rollback")
        if host.stat(str(home.releases)) is not None:
            host.remove(str(home.release(self.id)), str(home.path))


def _why_it_stays(host: Host, home: str, name: str) -> str | None:
    with suppress(Unavailable):
        if manifest.read(host, Home(Path(home)), name).status == COMMITTED:
            return "it was deployed, and a way back may need it"
    return None
