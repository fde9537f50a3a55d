"""HTP001."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.check import check
from unstale.facts.http import Served
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity

_EDIT = (
    "class Pages(StaticFiles):",
    "    def file_response(self, *args, **kwargs):",
    "        response = super().file_response(*args, **kwargs)",
    '        if response.headers["content-type"].startswith("text/html"):',
    '            response.headers["Cache-Control"] = "no-cache"',
    "        return response",
    "",
    "and mount Pages instead of StaticFiles; behind nginx: add_header Cache-Control no-cache; for HTML",
)


@check(
    "HTP001",
    "browsers cache the page by guess",
    layer=Layer.HTTP,
    since="0.1",
    severity=Severity.RISK,
)
def page_is_cached_by_guess(served: Served) -> Iterator[Finding | Fresh]:
    """The page that names the build's files is sent without a rule for caches.

    What it proves
    The answer at / is HTML that names hashed files, with no Cache-Control and no Expires, or with a max-age.

    Why it matters
    A browser may keep it for a tenth of its age (RFC 9111, 4.2.2): after a deploy, users stay on the old build.

    How it gets this way
    Starlette's StaticFiles sends ETag and Last-Modified alone.

    How it is seen
    The headers of `curl -i URL`.

    What is not flagged
    Development servers, pages that name no hashed files, `no-cache`, `no-store`, `max-age=0`.

    Fix, risk and undo
    Manual: `fix` prints the edit. `no-cache` lets browsers keep the page and ask each time whether it changed.
    """
    for page in served.pages:
        if page.reloading or not page.assets or page.content_type != "text/html":
            continue
        rules = page.cache_control.lower()
        want = served.shows("no-cache", f"curl -sI {page.url}/")
        ruled = any(
            word in rules for word in ("no-cache", "no-store", "max-age=0", "must-revalidate")
        )
        if ruled or (page.expires and not rules):
            yield Fresh(
                f"page at {page.url}",
                want,
                served.shows(page.cache_control or "Expires", want.source),
            )
            continue
        yield Finding(
            f"page at {page.url}",
            "browsers may show the former build without asking",
            want=want,
            have=served.shows(page.cache_control or "no Cache-Control, no Expires", want.source),
            fix=Edit("send Cache-Control: no-cache with HTML", _EDIT),
            severity=Severity.RISK,
        )
