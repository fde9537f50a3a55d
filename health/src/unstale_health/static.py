"""Serves a built front end so that no browser stays on an old one.

HTML: `no-cache` with an ETag of its content, so that each visit asks and an equal page costs 304. Hashed files under
/assets/: immutable for a year. A missing file is 404 and never cached; only a navigation falls back to index.html.
Starlette's own ETag is made of time and size, which two builds can share; Last-Modified is left out for that reason.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Union

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

if TYPE_CHECKING:
    from starlette.types import Scope

_HASHED = re.compile(r"^assets/.*[-.][\w-]{8,}\.\w+(\.map)?$")
_YEAR = "public, max-age=31536000, immutable"


class FrontEnd(StaticFiles):
    """Mount it last, at "/". A directory that is not built yet answers 503 until it is."""

    def __init__(self, *, directory: Union[str, os.PathLike[str]]) -> None:
        super().__init__(directory=directory, html=True, check_dir=False)
        self._digests: dict[str, tuple[tuple[int, int, int], str]] = {}

    async def check_config(self) -> None:
        """Accept a directory that is not there yet: the first build may come after the start."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, the page for a navigation, or a 404 that nobody keeps."""
        if "\x00" in path or "\\" in path:
            return _missing()
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404:  # noqa: PLR2004 - RFC 9110, 15.5.5
                raise
            response = await self._fallback(path, scope)
        return response

    async def _fallback(self, path: str, scope: Scope) -> Response:
        if not _navigation(path, scope):
            return _missing()
        try:
            return await super().get_response("index.html", scope)
        except HTTPException:
            return PlainTextResponse(
                "The front end is not built.", 503, {"Cache-Control": "no-store"}
            )

    def file_response(
        self, full_path: Any, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return the file with our cache rules; If-None-Match is answered by content."""
        if status_code != 200:  # noqa: PLR2004 - a 404.html of the build: the page for nobody
            return _missing()
        response = super().file_response(full_path, stat_result, scope, status_code)
        inside = os.path.relpath(full_path, str(self.directory)).replace(os.sep, "/")
        response.headers["Cache-Control"] = _YEAR if _HASHED.match(inside) else "no-cache"
        response.headers["ETag"] = f'"{self._digest(str(full_path), stat_result)}"'
        del response.headers["Last-Modified"]
        if self._unchanged(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Return False: the base class asks before our ETag is there."""
        return False

    def _unchanged(self, ours: Headers, theirs: Headers) -> bool:
        tags = theirs.get("if-none-match", "")
        return ours["etag"] in {tag.strip().removeprefix("W/") for tag in tags.split(",")}

    def _digest(self, path: str, seen: os.stat_result) -> str:
        """Return the content's SHA-256, read again when inode, change time or size differ: utime cannot set ctime."""
        identity = (seen.st_ino, seen.st_ctime_ns, seen.st_size)
        known = self._digests.get(path)
        if known is None or known[0] != identity:
            with open(path, "rb") as file:
                known = (identity, hashlib.sha256(file.read()).hexdigest()[:32])
            self._digests[path] = known
        return known[1]


def _navigation(path: str, scope: Scope) -> bool:
    """Return whether a browser opens a page: it accepts HTML, says navigate or nothing, and names no file."""
    headers = Headers(scope=scope)
    parts = PurePosixPath(path)
    return (
        scope["method"] in ("GET", "HEAD")
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
        and not parts.suffix
        and parts.parts[:1] not in (("assets",), ("api",))
    )


def _missing() -> Response:
    return PlainTextResponse("Not found", 404, {"Cache-Control": "no-store"})
