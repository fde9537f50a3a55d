"""HTP012."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.check import check
from unstale.facts.health import Health
from unstale.facts.health_routes import HealthRoutes, LyingRoute
from unstale.facts.http import Served
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Layer, Severity


@check("HTP012", "a health route says 200 when the app is not well", layer=Layer.HTTP, since="0.1")
def health_route_lies(
    served: Served | None, routes: HealthRoutes | None
) -> Iterator[Finding | Fresh | Unknown]:
    """A health route answers with success while its own body says that something is wrong.

    What it proves
    A 2xx answer whose body says unhealthy, outdated, error or the like, or is an array of an object and a number ≥ 400.

    Why it matters
    Deploys, load balancers and monitors read the status: they keep sending users to a broken app.

    How it gets this way
    `return {...}, 500` means HTTP 200 with a JSON array in FastAPI; `except Exception` swallows HTTPException.

    How it is seen
    GET of the known health routes and of those in the source. Without a running server a route that returns such a
    pair is a risk, seen in its syntax tree.

    What is not flagged
    A body with such a word under another key (`"errors": []`); routes that answer 4xx or 5xx.

    Fix, risk and undo
    Manual: `fix` prints a diff that `git apply` takes; restart the app afterwards. Or use unstale-health.
    """
    for url in served.mute if served else ():
        yield Unknown(url, "no HTTP answer within 3 s", f"curl -i {url}")
    lying = routes.lying if routes else ()
    answers = served.health if served else ()
    for each in answers if served else ():
        assert served is not None  # noqa: S101 - answers come from it
        want = served.shows("a status that agrees with the body", f"curl -i {each.url}")
        if each.says:
            yield _finding(served, each, _source(each.url, lying))
        else:
            yield Fresh(f"route {each.url}", want, served.shows(f"HTTP {each.status}", want.source))
    told = {route.file for each in answers if each.says and (route := _source(each.url, lying))}
    for route in lying if routes else ():
        assert routes is not None  # noqa: S101 - lying comes from it
        if route.file not in told:
            yield Finding(
                f"route {route.path}",
                f"{route.file}:{route.line} returns a pair, which is sent as HTTP 200 with a JSON array",
                want=routes.shows("the status in the pair", f"{route.file}:{route.line}"),
                have=routes.shows("HTTP 200", f"sed -n {route.line}p {route.file}"),
                fix=Edit("send the status", route.patch),
                severity=Severity.RISK,
            )


def _finding(served: Served, health: Health, route: LyingRoute | None) -> Finding:
    edit = (
        route.patch
        if route
        else ("raise HTTPException(status_code=503, detail=…) outside of except Exception",)
    )
    return Finding(
        f"route {health.url}",
        f"it answers HTTP {health.status} while its body says {health.says}",
        want=served.shows("a status of 500 or 503", f"curl -i {health.url}"),
        have=served.shows(f"HTTP {health.status}, {health.says}", f"curl -i {health.url}"),
        fix=Edit("send a status that agrees with the body", edit),
        paths=(route.file,) if route else (),
        pids=(health.pid,) if health.pid else (),
    )


def _source(url: str, lying: tuple[LyingRoute, ...]) -> LyingRoute | None:
    return next((each for each in lying if url.endswith(each.path)), None)
