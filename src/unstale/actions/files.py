"""Moves files into the trash, and back: a rename on one filesystem, so bytes and times stay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.fact import Facts
from unstale.host import Host
from unstale.layer import Layer, Risk


@dataclass(frozen=True, slots=True)
class MoveToTrash(Action):
    """Move files or directories that can be made again out of the way. `regrown`: they make themselves again."""

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.BYTECODE
    undoable: ClassVar[bool] = True

    paths: tuple[str, ...]
    regrown: bool = False

    def title(self) -> str:
        return f"move {_named(self.paths)} to the trash"

    def preview(self) -> tuple[str, ...]:
        return tuple(f"mv {path} /tmp/" for path in self.paths)

    def settled(self, facts: Facts) -> bool:
        return all(facts.host.stat(path, follow=False) is None for path in self.paths)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        pairs = tuple(
            (_kept(keep, at, path), path)
            for at, path in enumerate(self.paths)
            if facts.host.stat(path, follow=False) is not None
        )
        return PutBack(pairs, self.regrown)

    def apply(self, host: Host, keep: Keep) -> None:
        hide(host, keep.trash)
        for at, path in enumerate(self.paths):
            if host.stat(path, follow=False) is not None:
                host.rename(path, _kept(keep, at, path))


@dataclass(frozen=True, slots=True)
class PutBack(Action):
    """Return what was moved to the trash; pairs are (kept, original)."""

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.BYTECODE

    pairs: tuple[tuple[str, str], ...]
    regrown: bool = False

    def title(self) -> str:
        return f"put {_named(tuple(original for _, original in self.pairs))} back"

    def preview(self) -> tuple[str, ...]:
        return tuple(f"mv {kept} {original}" for kept, original in self.pairs)

    def settled(self, facts: Facts) -> bool:
        return all(facts.host.stat(kept, follow=False) is None for kept, _ in self.pairs)

    def lacks(self, host: Host) -> str | None:
        """Return what is neither kept any more nor back at its place, as an undo that was killed leaves it."""
        for kept, original in self.pairs:
            if host.stat(kept, follow=False) is not None:
                continue
            there = host.stat(original, follow=False) is not None
            if not there or host.stat(str(Path(kept).parent)) is None:
                return f"{kept} is no longer there"
        return None

    def blocked(self, facts: Facts) -> str | None:
        """Refuse where something stands at the old place, unless Python wrote it again."""
        for kept, original in () if self.regrown else self.pairs:
            again = facts.host.stat(original, follow=False) is not None
            if (
                again
                and not original.endswith(".pyc")
                and facts.host.stat(kept, follow=False) is not None
            ):
                return f"{original} is there again; it would be overwritten"
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return MoveToTrash(tuple(original for _, original in self.pairs), self.regrown)

    def apply(self, host: Host, keep: Keep) -> None:
        for at, (kept, original) in enumerate(self.pairs):
            aside = _kept(keep, at, original)  # where it is kept, when the very step is unwound
            there = host.stat(original, follow=False) is not None
            if host.stat(kept, follow=False) is None or (there and aside == kept):
                continue
            if there:
                host.rename(original, aside)
            host.rename(kept, original)


@dataclass(frozen=True, slots=True)
class SwapBack(Action):
    """Return a directory that was replaced; the present one goes to the trash."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.ENVIRONMENT

    kept: str
    original: str

    def title(self) -> str:
        return f"return the former {Path(self.original).name}"

    def preview(self) -> tuple[str, ...]:
        return (f"mv {self.original} {self.original}.new", f"mv {self.kept} {self.original}")

    def settled(self, facts: Facts) -> bool:
        return facts.host.stat(self.kept, follow=False) is None

    def lacks(self, host: Host) -> str | None:
        """Return the kept one when it is gone."""
        return (
            f"{self.kept} is no longer there"
            if host.stat(self.kept, follow=False) is None
            else None
        )

    def blocked(self, facts: Facts) -> str | None:
        """Refuse where something was installed or removed after the step that this takes back."""
        if facts.host.stat(self.original) is None:
            return None
        try:
            then = facts.host.read(f"{self.kept}.after").decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None
        now = listing(facts.host, self.original)
        changed = sorted(set(then.splitlines()) ^ set(now.splitlines()))
        if changed:
            return f"{self.original} was changed since: {', '.join(changed[:4])}"
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(self._replaced(keep), self.original)

    def apply(self, host: Host, keep: Keep) -> None:
        """Do nothing when there is no complete kept one: then nothing was changed either."""
        if host.stat(self.kept, follow=False) is None:
            return
        swap(host, self.kept, self.original, self._replaced(keep))

    def _replaced(self, keep: Keep) -> str:
        return f"{keep.trash}/replaced-{Path(self.original).name}"


def _named(paths: tuple[str, ...]) -> str:
    return Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} paths"


def listing(host: Host, prefix: str) -> str:
    """Return the metadata directories of an environment, a line each: what is installed in it."""
    found = []
    for lib in host.names(f"{prefix}/lib") if host.stat(f"{prefix}/lib") else ():
        site = f"{prefix}/lib/{lib}/site-packages"
        names = host.names(site) if host.stat(site) else ()
        found += [each for each in names if each.endswith((".dist-info", ".egg-info"))]
    return "\n".join(found)


def swap(host: Host, incoming: str, place: str, outgoing: str) -> None:
    """Put `incoming` at `place` by renames; what stood there goes to `outgoing`."""
    hide(host, Path(outgoing).parent)
    there = host.stat(place, follow=False) is not None
    if there:
        host.rename(place, outgoing)
    try:
        host.rename(incoming, place)
    except OSError:
        if there:
            host.rename(outgoing, place)
        raise


def hide(host: Host, inside: Path) -> None:
    """Make the trash ignore itself in git, wherever `.unstale` stands above."""
    for place in (inside, *inside.parents):
        if place.name == ".unstale":
            if host.stat(f"{place}/.gitignore") is None:
                host.makedirs(str(place))
                host.write(f"{place}/.gitignore", b"*\n", 0o644)
            return


def _kept(keep: Keep, at: int, path: str) -> str:
    return f"{keep.trash}/{at}-{Path(path).name}"
