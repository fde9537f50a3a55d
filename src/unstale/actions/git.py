"""Moves the checkout forward, and back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.git import QUIET, Checkout
from unstale.host import Host
from unstale.layer import Layer, Risk


def _git(host: Host, top: str, *words: str) -> str:
    done = host.act(("git", "-C", top, *words), env=QUIET)
    if done.code != 0:
        why = (done.err.strip() or done.out.strip() or f"exit {done.code}").splitlines()[-1]
        raise Failed(what=f"git {words[0]} failed", why=why, next=f"git -C {top} status")
    return done.out


@dataclass(frozen=True, slots=True)
class FastForward(Action):
    """Bring the checkout to its upstream, only where that is a fast-forward."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.GIT
    undoable: ClassVar[bool] = True

    top: str
    head: str
    upstream: str

    def title(self) -> str:
        return f"fast-forward to {self.upstream}"

    def preview(self) -> tuple[str, ...]:
        return (f"git -C {self.top} fetch", f"git -C {self.top} merge --ff-only @{{u}}")

    def settled(self, facts: Facts) -> bool:
        checkout = facts.get(Checkout)
        return not checkout.behind and checkout.asked in (None, checkout.upstream_commit)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return Rewind(self.top, self.head, stash=False)

    def apply(self, host: Host, keep: Keep) -> None:
        _git(host, self.top, "fetch", "--quiet", self.upstream.partition("/")[0])
        _git(host, self.top, "merge", "--quiet", "--ff-only", "@{u}")


@dataclass(frozen=True, slots=True)
class StashAndFastForward(Action):
    """Put the edits that are in the way aside, and no other file, then fast-forward."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.GIT
    undoable: ClassVar[bool] = True

    top: str
    head: str
    upstream: str
    paths: tuple[str, ...]

    def title(self) -> str:
        return f"stash the edits and fast-forward to {self.upstream}"

    def preview(self) -> tuple[str, ...]:
        return (
            f"git -C {self.top} stash push -u -m unstale -- {shlex.join(self.paths)}",
            f"git -C {self.top} merge --ff-only @{{u}}",
        )

    def settled(self, facts: Facts) -> bool:
        checkout = facts.get(Checkout)
        return not {change.path for change in checkout.changes} & set(checkout.incoming)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return Rewind(self.top, self.head, stash=True)

    def apply(self, host: Host, keep: Keep) -> None:
        words = ("stash", "push", "--quiet", "--include-untracked", "-m", "unstale", "--")
        _git(host, self.top, *words, *(f":(top,literal){each}" for each in self.paths))
        _git(host, self.top, "merge", "--quiet", "--ff-only", "@{u}")


@dataclass(frozen=True, slots=True)
class Rewind(Action):
    """Return to a commit, keeping later edits safe: refused when the tree was edited since."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.GIT

    top: str
    head: str
    stash: bool

    def title(self) -> str:
        return f"return to {self.head[:7]}" + (" with the stashed edits" if self.stash else "")

    def preview(self) -> tuple[str, ...]:
        pop = (f"git -C {self.top} stash pop",) if self.stash else ()
        return (f"git -C {self.top} reset --keep {self.head}", *pop)

    def settled(self, facts: Facts) -> bool:
        return facts.get(Checkout).head == self.head

    def apply(self, host: Host, keep: Keep) -> None:
        _git(host, self.top, "reset", "--quiet", "--keep", self.head)
        if self.stash:
            _git(host, self.top, "stash", "pop", "--quiet", "--index")
