"""What the project's own servers answer at / and at their health routes. GET only, no redirects followed."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.health import Health, contradiction, health_routes
from unstale.facts.sockets import Listener, Listeners
from unstale.host import Answer
from unstale.layer import Layer

_ASSET = re.compile(
    r"""(?:src|href)=["']([^"']*?/?[\w.-]+[-.](?=[\w-]*[A-Z\d])[\w-]{6,}\.(?:js|mjs|css))["']"""
)


@dataclass(frozen=True, slots=True)
class Page:
    """The answer at / of one address. `pid` is 0 for an address that no process here serves.

    `assets` are the hashed files that the page names; without any it is no built page. `digest` is the body's SHA-256.
    """

    url: str
    pid: int
    status: int
    content_type: str
    cache_control: str
    expires: bool
    digest: str
    assets: tuple[str, ...]
    reloading: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Served(Fact):
    """What each address of the project answers. `mute` are those that gave no answer in time, although another did."""

    layer = Layer.HTTP
    waits = True

    pages: tuple[Page, ...]
    health: tuple[Health, ...]
    mute: tuple[str, ...] = ()

    @classmethod
    def gather(cls, facts: Facts) -> Served:
        targets = _targets(facts)
        if not targets:
            raise Absent(
                what="no address",
                why="no server of this project answers",
                next="Start the app, or add --url.",
            )
        routes = health_routes(facts)
        with ThreadPoolExecutor(8, thread_name_prefix="http") as pool:
            asked = pool.map(lambda target: _look(facts, target, routes), targets)
            looks = tuple(each for each in asked if not each.starting)
        if not looks:
            raise Absent(
                what="no answer",
                why="the development server is starting again",
                next="Ask it again.",
            )
        pages = tuple(each.page for each in looks if each.page)
        if not pages:
            first = targets[0][0]
            raise Unavailable(
                what=f"{first} did not answer",
                why="no HTTP answer within 3 s",
                next=f"curl -i {first}",
            )
        return cls(
            seen_at=facts.host.now(),
            pages=pages,
            health=tuple(told for each in looks for told in each.health),
            mute=_mute(looks),
        )

    def summary(self) -> str:
        judged = self.health or any(each.assets for each in self.pages)
        words = ", ".join(f"{each.url} {each.status}" for each in self.pages)
        return words if judged else f"{words}, no built page and no health route"


def _targets(facts: Facts) -> list[tuple[str, int, bool]]:
    named = (*facts.options.urls, *facts.project.settings.http.get("urls", ()))
    targets = [(url.rstrip("/"), 0, False) for url in named]
    processes = facts.maybe(AppProcesses)
    for process in _listening(processes) if processes else ():
        targets += [
            (address, process.pid, process.reload)
            for each in facts.get(Listeners).listeners
            if process.pid in each.pids
            for address in (_address(each, process.command),)
        ]
    unique: dict[str, tuple[str, int, bool]] = {}
    for url, pid, reloading in targets:
        unique.setdefault(urlsplit(url).netloc, (url, pid, reloading))
    return list(unique.values())


def _address(listener: Listener, command: str) -> str:
    """Return where the listener is reached from this machine; a server with a certificate speaks TLS alone."""
    scheme = "https" if re.search(r"\s--(?:ssl-|cert)", command) else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.address, listener.address)  # noqa: S104 - whom we ask
    return (
        f"{scheme}://[{host}]:{listener.port}"
        if ":" in host
        else f"{scheme}://{host}:{listener.port}"
    )


def _listening(processes: AppProcesses) -> tuple[AppProcess, ...]:
    """Return who answers: the servers, and the workers of one that only watches the files (Django's runserver)."""
    servers = processes.of("server", "orphan")
    deaf = {each.pid for each in servers if not each.ports}
    return (*servers, *(each for each in processes.of("worker") if each.leader in deaf))


@dataclass(frozen=True, slots=True)
class _Look:
    url: str
    pid: int
    page: Page | None = None
    health: tuple[Health, ...] = ()
    silent: str = ""
    reloading: bool = False

    @property
    def starting(self) -> bool:
        """Return whether it may be between two starts: Django's runserver closes its port at each edit."""
        return self.reloading and (self.page is None or self.silent != "")


def _look(facts: Facts, target: tuple[str, int, bool], routes: tuple[str, ...]) -> _Look:
    """Ask the page, then the routes up to the first that hangs: a hung server is not waited for at each."""
    url, pid, reloading = target
    answer = _ask(facts, f"{url}/", "text/html,application/xhtml+xml,*/*;q=0.8")
    if answer is None:
        return _Look(url, pid, reloading=reloading)
    page, health = _page(answer, url, pid, reloading=reloading), list[Health]()
    for route in routes:
        told = _ask(facts, f"{url}{route}", "application/json")
        if told is None:
            return _Look(url, pid, page, tuple(health), f"{url}{route}", reloading)
        if told.status != 404 and not _is_the_page(told, page):  # noqa: PLR2004 - no such route
            health.append(Health(f"{url}{route}", pid, told.status, contradiction(told)))
    return _Look(url, pid, page, tuple(health))


def _is_the_page(answer: Answer, page: Page) -> bool:
    """Return whether it is the answer at / again: a single-page app answers every path with its one page."""
    html = "html" in (answer.header("content-type") or "")
    return html and hashlib.sha256(answer.body).hexdigest() == page.digest


def _mute(looks: tuple[_Look, ...]) -> tuple[str, ...]:
    """Return what gave no answer; of a process that listens on several ports one must (a debugger's speaks no HTTP)."""
    spoke = {each.pid for each in looks if each.page and each.pid}
    pages = [each.url for each in looks if each.page is None and each.pid not in spoke]
    return (*pages, *(each.silent for each in looks if each.silent))


def _ask(facts: Facts, url: str, accept: str) -> Answer | None:
    with suppress(Unavailable):
        return facts.host.get(url, headers=(("Accept", accept),))
    return None


def _page(answer: Answer, url: str, pid: int, *, reloading: bool) -> Page:
    content_type = answer.header("content-type") or ""
    text = answer.body.decode("utf-8", "replace") if "html" in content_type else ""
    return Page(
        url=url,
        pid=pid,
        status=answer.status,
        content_type=content_type.partition(";")[0],
        cache_control=answer.header("cache-control") or "",
        expires=answer.header("expires") is not None,
        digest=hashlib.sha256(answer.body).hexdigest(),
        assets=tuple(dict.fromkeys(_ASSET.findall(text))),
        reloading=reloading or "/@vite/client" in text,
    )
