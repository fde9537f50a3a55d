from __future__ import annotations

import os
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from unstale_health.static import FrontEnd

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "dist/assets").mkdir(parents=True)
    (tmp_path / "dist/index.html").write_text("<!doctype html>one")
    (tmp_path / "dist/assets/main-Ab12Cd34.js").write_text("1")
    (tmp_path / "dist/favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "dist"


@pytest.fixture
def client(dist: Path) -> TestClient:
    return TestClient(
        Starlette(routes=[Mount("/", FrontEnd(directory=dist))]), raise_server_exceptions=True
    )


def test_cache_rules_by_kind_of_file(client: TestClient) -> None:
    assert client.get("/", headers=PAGE).headers["cache-control"] == "no-cache"
    assert client.get("/favicon.svg").headers["cache-control"] == "no-cache"
    asset = client.get("/assets/main-Ab12Cd34.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "last-modified" not in client.get("/", headers=PAGE).headers


def test_equal_size_and_time_still_give_another_etag(client: TestClient, dist: Path) -> None:
    first = client.get("/", headers=PAGE)
    page = dist / "index.html"
    seen = page.stat()
    page.write_text("<!doctype html>two")
    os.utime(page, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    again = client.get("/", headers={**PAGE, "if-none-match": first.headers["etag"]})
    assert again.status_code == 200
    assert again.text.endswith("two")
    assert (
        client.get("/", headers={**PAGE, "if-none-match": again.headers["etag"]}).status_code == 304
    )


@pytest.mark.parametrize("path", ["/resources/1", "/login", "/me/"])
def test_navigation_falls_back_to_the_page(client: TestClient, path: str) -> None:
    answer = client.get(path, headers=PAGE)
    assert (answer.status_code, answer.text) == (200, "<!doctype html>one")
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/assets/old-11111111.js", PAGE),
        ("/assets/", PAGE),
        ("/gone.js", PAGE),
        ("/resources/1", {"accept": "*/*"}),
        ("/resources/1", {**PAGE, "sec-fetch-mode": "cors"}),
        ("/%2e%2e/secret.txt", PAGE),
        ("/..%2fsecret.txt", PAGE),
        ("/..%5csecret.txt", PAGE),
        ("/a%00b", PAGE),
    ],
)
def test_missing_file_is_404_and_never_html(
    client: TestClient, path: str, headers: dict[str, str]
) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert "html" not in answer.headers["content-type"]
    assert "secret" not in answer.text


def test_directory_that_is_not_built_is_503_until_it_is(tmp_path: Path) -> None:
    client = TestClient(Starlette(routes=[Mount("/", FrontEnd(directory=tmp_path / "dist"))]))
    assert client.get("/", headers=PAGE).status_code == 503
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/index.html").write_text("built")
    assert client.get("/", headers=PAGE).text == "built"
