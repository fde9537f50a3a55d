"""The checkout as git sees it. Read with GIT_OPTIONAL_LOCKS=0, so that looking never refreshes the index."""

from __future__ import annotations

from dataclasses import dataclass

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.host import Host
from unstale.layer import Layer

QUIET = (
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),  # a partial clone would write what it fetches
    ("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=4"),
    ("LC_ALL", "C"),
)


def git(host: Host, root: str, *words: str, timeout: float = 5.0) -> str:
    """Return git's output. Raises Unavailable with its own words."""
    done = host.run(("git", "-C", root, *words), env=QUIET, timeout=timeout)
    if done.code != 0:
        why = done.err.strip().splitlines()[-1] if done.err.strip() else f"exit {done.code}"
        raise Unavailable(
            what=f"git {words[0]} failed", why=why, next=f"git -C {root} {' '.join(words)}"
        )
    return done.out


@dataclass(frozen=True, slots=True)
class Change:
    """A path that differs from HEAD: `status` is git's two letters (porcelain v2), or "??" when untracked."""

    path: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout(Fact):
    """HEAD, its branch and upstream, and what differs from HEAD.

    `incoming` are the paths that a fast-forward would change; `default` is the remote's default branch.
    `asked` is the commit that the remote itself names for the upstream now, None when it was not asked or mute.
    """

    layer = Layer.GIT
    waits = True

    top: str
    head: str
    branch: str | None
    upstream: str | None
    upstream_commit: str | None
    ahead: int
    behind: int
    default: str | None
    changes: tuple[Change, ...]
    incoming: tuple[str, ...]
    asked: str | None
    not_asked: str

    @classmethod
    def gather(cls, facts: Facts) -> Checkout:
        host, root = facts.host, str(facts.project.root)
        if not facts.project.git:
            raise Absent(what="no checkout", why="this is no git checkout", next="git init")
        if host.which("git") is None:
            raise Absent(
                what="no git", why="git is not installed on this machine", next="Install git."
            )
        done = host.run(("git", "-C", root, "rev-parse", "-q", "--verify", "HEAD"), env=QUIET)
        if done.code == 1:
            raise Absent(what="no commit", why="nothing was committed yet", next="git commit")
        if done.code != 0:
            why = (done.err.strip().splitlines() or [f"exit {done.code}"])[0]
            raise Unavailable(
                what="git refuses this checkout", why=why, next=f"git -C {root} status"
            )
        return _gather(facts, host, root)

    def summary(self) -> str:
        here = f"{self.branch or 'detached'} {self.head[:7]}"
        if self.upstream is None:
            return f"{here}, no upstream"
        where = "=" if not (self.ahead or self.behind) else f"+{self.ahead} -{self.behind} to"
        return f"{here} {where} {self.upstream}" + (
            f", {len(self.changes)} edited" if self.changes else ""
        )


def _gather(facts: Facts, host: Host, root: str) -> Checkout:
    status = git(
        host,
        root,
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=normal",
        timeout=20.0,
    )
    heads = dict(
        line[2:].split(" ", 1) for line in status.split("\0") if line.startswith("# branch.")
    )
    branch = None if heads["branch.head"] == "(detached)" else heads["branch.head"]
    upstream = heads.get("branch.upstream")
    ahead, behind = (abs(int(word)) for word in heads.get("branch.ab", "+0 -0").split())
    known = upstream is not None and "branch.ab" in heads
    asked, why = _ask(facts, host, root, branch, upstream if known else None)
    return Checkout(
        seen_at=host.now(),
        top=git(host, root, "rev-parse", "--show-toplevel").strip(),
        head=heads["branch.oid"],
        branch=branch,
        upstream=upstream if known else None,
        upstream_commit=git(host, root, "rev-parse", "@{u}").strip() if known else None,
        ahead=ahead,
        behind=behind,
        default=_default(host, root, upstream),
        changes=tuple(_changes(status)),
        incoming=tuple(_incoming(host, root)) if known and behind else (),
        asked=asked,
        not_asked=why,
    )


def _changes(status: str) -> list[Change]:
    found, rest = [], status.split("\0")
    while rest:
        entry = rest.pop(0)
        kind = entry[:1]
        if kind == "1":
            found.append(Change(entry.split(" ", 8)[8], entry[2:4]))
        elif kind == "2":
            found.append(Change(entry.split(" ", 9)[9], entry[2:4]))
            rest.pop(0)
        elif kind == "u":
            found.append(Change(entry.split(" ", 10)[10], entry[2:4]))
        elif kind == "?":
            found.append(Change(entry[2:], "??"))
    return found


def _incoming(host: Host, root: str) -> list[str]:
    return [
        path
        for path in git(host, root, "diff", "--name-only", "-z", "HEAD...@{u}").split("\0")
        if path
    ]


def _default(host: Host, root: str, upstream: str | None) -> str | None:
    remote = (upstream or "origin/").partition("/")[0]
    done = host.run(
        ("git", "-C", root, "symbolic-ref", "-q", f"refs/remotes/{remote}/HEAD"), env=QUIET
    )
    return done.out.strip().removeprefix("refs/remotes/") or None


def _ask(
    facts: Facts, host: Host, root: str, branch: str | None, upstream: str | None
) -> tuple[str | None, str]:
    """Ask the remote where the upstream is now; silence never makes anything stale."""
    if facts.options.offline:
        return None, "--offline"
    if branch is None or upstream is None:
        return None, "no upstream"
    remote, _, name = upstream.partition("/")
    try:
        done = host.run(
            ("git", "-C", root, "ls-remote", "--heads", remote, f"refs/heads/{name}"),
            env=QUIET,
            timeout=5.0,
        )
    except Unavailable as error:
        return None, error.why
    if done.code != 0 or not done.out.strip():
        return None, (done.err.strip().splitlines() or ["the remote has no such branch"])[-1]
    return done.out.split()[0], ""
