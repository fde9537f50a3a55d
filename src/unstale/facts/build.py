"""Front-end builds against their sources: by content where git knows it, else by times."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unstale.detect.files import PRUNED
from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.baked_values import unbaked
from unstale.facts.files import exact_text
from unstale.facts.history import History
from unstale.facts.http import Page, Served
from unstale.host import Entry, Host
from unstale.layer import Layer
from unstale.project import Frontend

_NO_INPUT = re.compile(
    r"(\.(test|spec|stories)\.\w+$|\.md$|(^|/)(__tests__|tests?|e2e|docs|coverage|\.github)/|\.log$|(^|/)\.\w+rc"
    r"|\.pyi?$|\.(db|sqlite3?)(-\w+)?$)"  # a back end may live in the same directory
)
_INPUT = re.compile(
    r"(^|/)(src|public|app|pages|components|lib|styles)/|^index\.html$|^(vite|next|svelte|astro|tailwind|postcss)\.config\.\w+$"
)


@dataclass(frozen=True, slots=True)
class Newer:
    """A source that changed since the build; `proven` when its content is known to differ."""

    path: str
    proven: bool


@dataclass(frozen=True, slots=True)
class Build:
    """One front end's output. `served_by` are the addresses whose page is this build's, never a development server's.

    `unbaked` are keys of env files written after the build whose values are not in it; `elsewhere` are served
    directories of the project that hold another build: (address, directory).
    """

    frontend: str
    kind: str
    command: tuple[str, ...]
    dist: str
    built_at: datetime
    digest: str
    newer: tuple[Newer, ...]
    served_by: tuple[str, ...]
    unbaked: tuple[str, ...]
    env_file: str
    elsewhere: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Builds(Fact):
    """Each front end that has an output directory."""

    layer = Layer.BUILD
    costly = "hashing of builds"

    builds: tuple[Build, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Builds:
        if not facts.project.frontends:
            raise Absent(what="no front end", why="no front end here", next="Nothing to do.")
        served = facts.maybe(Served)
        pages = (
            tuple(page for page in served.pages if not page.reloading and page.assets)
            if served
            else ()
        )
        history = History(facts.host, facts.project.root)
        found = [_build(facts, each, pages, history) for each in facts.project.frontends]
        builds = tuple(each for each in found if each is not None)
        if not builds:
            raise Absent(what="no build", why="nothing was built here", next="npm run build")
        return cls(seen_at=facts.host.now(), builds=builds)

    def summary(self) -> str:
        used = ", ".join(
            f"built {each.built_at:%Y-%m-%d %H:%M}, served"
            for each in self.builds
            if each.served_by
        )
        return used or "built, but nothing serves it"


def _build(
    facts: Facts, frontend: Frontend, pages: tuple[Page, ...], history: History
) -> Build | None:
    host, dist = facts.host, str(frontend.dist)
    seen = host.stat(f"{dist}/index.html")
    if seen is None:
        return None
    built_at = datetime.fromtimestamp(seen.mtime_ns / 1e9, UTC)
    digest = hashlib.sha256(host.read(f"{dist}/index.html")).hexdigest()
    inputs, closed = _inputs(host, frontend)
    missing, env_file = unbaked(host, frontend, inputs, seen.mtime_ns)
    mine = [page for page in pages if page.digest == digest or _holds(host, dist, page)]
    others = [page for page in pages if page not in mine]
    if closed and mine:
        raise Unavailable(
            what=f"cannot read {frontend.path}/{closed[0]}",
            why=f"permission denied, and the build that {mine[0].url} serves is made from it",
            next="Run as a user who may read it.",
        )
    return Build(
        frontend=str(frontend.path),
        kind=frontend.kind,
        command=frontend.build,
        dist=dist,
        built_at=built_at,
        digest=digest,
        newer=tuple(_newer(host, str(frontend.path), inputs, seen.mtime_ns, history)),
        served_by=tuple(page.url for page in mine),
        unbaked=missing,
        env_file=env_file,
        elsewhere=tuple((page.url, place) for page in others if (place := _place(facts, page))),
    )


def _inputs(host: Host, frontend: Frontend) -> tuple[list[Entry], list[str]]:
    """Return the build's sources, and the directories of sources that may not be read."""
    inside = (
        frontend.dist.relative_to(frontend.path).parts[:1]
        if frontend.dist.is_relative_to(frontend.path)
        else ()
    )
    entries = host.walk(str(frontend.path), (*PRUNED, "dist", "build", *inside))
    inputs = [
        each
        for each in entries
        if each.kind == "file" and _INPUT.search(each.path) and not _NO_INPUT.search(each.path)
    ]
    below = (f"{each.path}/" for each in entries if each.kind == "closed")
    return inputs, [each for each in below if _INPUT.search(each) and not _NO_INPUT.search(each)]


def _newer(
    host: Host, root: str, inputs: list[Entry], built_ns: int, history: History
) -> list[Newer]:
    """Return the inputs whose inode changed after the build, but for those whose content git knows to be the same."""
    found = []
    moment = datetime.fromtimestamp(built_ns / 1e9, UTC)
    for each in inputs:
        if each.ctime_ns <= built_ns:
            continue
        path = f"{root}/{each.path}"
        then = history.content(path, moment)
        if then is not None and then != exact_text(host, path):
            found.append(Newer(each.path, proven=True))
        elif then is None and each.mtime_ns > built_ns:
            found.append(Newer(each.path, proven=False))
    return found


def _holds(host: Host, dist: str, page: Page) -> bool:
    """Return whether every hashed file that the page names is in the directory."""
    return all(host.stat(f"{dist}/{asset.lstrip('./')}") is not None for asset in page.assets)


def _place(facts: Facts, page: Page) -> str:
    """Return the directory of the project, no front end's output, whose index.html is the served page, or ""."""
    outputs = tuple(f"{each.dist}/" for each in facts.project.frontends)
    for entry in facts.host.walk(str(facts.project.root), PRUNED, depth=5):
        path = f"{facts.project.root}/{entry.path}"
        if path.endswith("index.html") and not path.startswith(outputs):
            with suppress(OSError):
                if hashlib.sha256(facts.host.read(path)).hexdigest() == page.digest:
                    return str(Path(path).parent)
    return ""
