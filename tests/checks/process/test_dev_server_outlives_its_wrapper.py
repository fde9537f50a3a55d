from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from conftest import wait_for

if TYPE_CHECKING:
    from conftest import Site

WRAPPER = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


def _serve_through_npm(site: Site) -> int:
    """Start the server below a process that is named npm, as `npm run` does; return the wrapper's pid."""
    npm = site.root.parent / "npm"
    npm.write_text(WRAPPER)
    words = ["-m", "uvicorn", "app.main:app", "--port", str(site.port)]
    wrapper = site.run(
        [sys.executable, str(npm), sys.executable, *words], npm_lifecycle_event="dev"
    )
    wait_for(lambda: site.answer() is not None)
    return wrapper.pid


def test_server_whose_wrapper_was_killed_is_found_and_ended(site: Site) -> None:
    _serve_through_npm(site)
    assert site.codes() == []
    site.started[-1].kill()
    site.started[-1].wait()
    assert site.answer() == {"hello": "one"}
    assert site.codes() == ["PRC008"]
    assert site.unstale("fix", "--yes").returncode == 0
    assert site.answer() is None


def test_server_in_the_background_on_purpose_is_fresh(site: Site) -> None:
    site.run(
        ["sh", "-c", f"nohup {sys.executable} -m uvicorn app.main:app --port {site.port} & exit 0"]
    )
    wait_for(lambda: site.answer() is not None)
    assert site.codes() == []


def test_server_below_npm_that_rewrote_its_title_is_fresh(site: Site) -> None:
    """The real npm shows itself as one word: "npm run dev"."""
    command = f"{sys.executable} -m uvicorn app.main:app --port {site.port}"
    site.write(
        "package.json", json.dumps({"name": "x", "version": "1.0.0", "scripts": {"dev": command}})
    )
    site.run(["npm", "run", "dev"])
    wait_for(lambda: site.answer() is not None)
    assert site.codes() == []
    wrapper = site.started[-1]
    wrapper.kill()
    wrapper.wait()
    assert site.answer() == {"hello": "one"}
    assert site.codes() == ["PRC008"]
