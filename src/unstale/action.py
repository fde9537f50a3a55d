"""What may be changed: data that knows its risk, its preview, its inverse and how to apply itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from unstale.layer import Layer, Risk

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class Keep:
    """Where one step keeps what it replaces: `trash` in the tree (same filesystem), `state` outside of it.

    `trash` is for renames of files that can be made again, `state` (0700) for the only copy of data.
    Both are absolute, belong to this step alone, and are made by whoever needs them.
    """

    trash: Path
    state: Path


class Decided(NamedTuple):
    """What became of a step that was killed: whether it counts as done, and the words for it."""

    done: bool
    words: str


class Action(ABC):
    """One change. Subclasses are frozen dataclasses with slots; equal actions merge into one step.

    `layer` gives the place in the order of repair.
    """

    __slots__ = ()

    risk: ClassVar[Risk]
    layer: ClassVar[Layer]
    undoable: ClassVar[bool] = False
    restarts: ClassVar[bool] = False
    stops: ClassVar[bool] = False
    """Whether nothing of the project runs after it."""

    @abstractmethod
    def title(self) -> str:
        """Return the change as a short imperative clause: "restart process 4711"."""

    @abstractmethod
    def preview(self) -> tuple[str, ...]:
        """Return what a person could run instead, a command or diff line each."""

    @abstractmethod
    def settled(self, facts: Facts) -> bool:
        """Return whether nothing is left to do, so that applying twice is harmless."""

    def blocked(self, facts: Facts) -> str | None:
        """Return why this must not be done now (a veto), or None."""
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action | None:
        """Return what takes this back; journaled before `apply`."""
        return None

    @abstractmethod
    def apply(self, host: Host, keep: Keep) -> dict[str, Any] | str | None:
        """Do it; return what a person should know besides, or what the journal keeps of it, as JSON values.

        Raises Failed or Halted with what is left.
        """

    def journaled(self) -> Action:
        """Return what the journal keeps of the action, where it decides for itself what a kill left."""
        return self

    def recover(self, facts: Facts, keep: Keep) -> Decided | None:
        """Decide what a killed `apply` left; None leaves it to the inverse, which then takes it back.

        Raises Failed where a person must look.
        """
        return None


@dataclass(frozen=True, slots=True)
class Edit(Action):
    """An edit that only a person may make: `fix` prints it and changes nothing."""

    risk: ClassVar[Risk] = Risk.MANUAL
    layer: ClassVar[Layer] = Layer.CONFIG

    what: str
    lines: tuple[str, ...]

    def title(self) -> str:
        """Return the edit in words."""
        return self.what

    def preview(self) -> tuple[str, ...]:
        """Return the exact diff or command."""
        return self.lines

    def settled(self, facts: Facts) -> bool:
        """Return False: only the check can tell that the person made it."""
        return False

    def apply(self, host: Host, keep: Keep) -> None:
        """Refuse: a bug of ours if it is ever called."""
        msg = f"a manual edit was applied: {self.what}"
        raise TypeError(msg)
