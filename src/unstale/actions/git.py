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

    def lacks(self, host: Host) -> str | None:
        """Return the commit, or the stash that was made on it, when it is gone."""
        commit = ("git", "-C", self.top, "cat-file", "-e", f"{self.head}^{{commit}}")
        if host.run(commit, env=QUIET).code != 0:
            return f"commit {self.head[:12]} is no longer in {self.top}"
        if self.stash and self._stash(host) is None:
            return f"the stash with the edits is no longer in {self.top}"
        return None

    def blocked(self, facts: Facts) -> str | None:
        """Refuse where the branch would lose commits that no remote has."""
        own = ("rev-list", "--count", "HEAD", "--not", "--remotes", self.head)
        count = int(_git(facts.host, self.top, *own))
        if not count:
            return None
        return (
            f"{count} commits of your own were made since: git -C {self.top} log --oneline -{count}"
        )

    def apply(self, host: Host, keep: Keep) -> None:
        stash = self._stash(host) if self.stash else None
        if self.stash and stash is None:
            if _git(host, self.top, "rev-parse", "HEAD").strip() == self.head:
                return  # the stash was never made, or is back already
            raise Failed(
                what=f"{self.top} does not return to {self.head[:7]}",
                why="the stash with the edits is no longer there",
                next=f"git -C {self.top} stash list",
            )
        _git(host, self.top, "reset", "--quiet", "--keep", self.head)
        if stash is not None:
            _git(host, self.top, "stash", "pop", "--quiet", "--index", stash)

    def _stash(self, host: Host) -> str | None:
        """Return our own stash: made on that commit and named as we name it, wherever it is in the list."""
        listed = _git(host, self.top, "stash", "list", "--format=%gd %P %gs")
        for line in listed.splitlines():
            name, parent, *rest = line.split(" ")
            if parent == self.head and rest[-1:] == ["unstale"]:
                return name
        return None
