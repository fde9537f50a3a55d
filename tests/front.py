"""A front end whose build is a few lines of Node, beside the site that serves it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Site

BUILD = """\
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync, existsSync } from "node:fs";
const at = process.argv.indexOf("--outDir");
const out = at > 0 ? process.argv[at + 1] : "dist";
const env = existsSync(".env") ? readFileSync(".env", "utf8") : "";
const title = /VITE_TITLE=(.*)/.exec(env)?.[1] ?? "none";
const js = readFileSync("src/main.js", "utf8").replaceAll("import.meta.env.VITE_TITLE", JSON.stringify(title));
if (js.includes("SYNTAX ERROR")) { console.error("the build failed"); process.exit(1); }
const hash = createHash("sha256").update(js).digest("hex").slice(0, 8);
rmSync(out, { recursive: true, force: true });
mkdirSync(`${out}/assets`, { recursive: true });
writeFileSync(`${out}/assets/main-${hash}.js`, js);
writeFileSync(`${out}/index.html`, `<!doctype html><script type="module" src="/assets/main-${hash}.js"></script>`);
"""

APP = """\
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

app = FastAPI()
app.mount("/", StaticFiles(directory="DIRECTORY", html=True))
"""

MANIFEST = '{"name": "web", "version": "1.0.0", "scripts": {"build": "node build.mjs"}, "devDependencies": {"vite": "^6"}}'


def add_front_end(site: Site, *, directory: str = "web/dist") -> None:
    """Add web/, build it, and serve the directory."""
    site.write("web/package.json", MANIFEST)
    site.write("web/build.mjs", BUILD)
    site.write("web/index.html", "<!doctype html>\n")
    site.write("web/src/main.js", "console.log('one', import.meta.env.VITE_TITLE)\n")
    site.write("web/src/main.test.js", "\n")
    site.write("web/.env", "VITE_TITLE=First title\n")
    site.write("app/main.py", APP.replace("DIRECTORY", directory))
    site.write(".gitignore", "__pycache__/\n.unstale/\ndist/\n")
    site.commit("front end")
    build(site)


def build(site: Site) -> None:
    subprocess.run(["node", "build.mjs"], cwd=site.root / "web", check=True)


def page(site: Site) -> str:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/", timeout=3) as response:
        return response.read().decode()  # type: ignore[no-any-return]


def serve(site: Site, *words: str, app: str = "app.main:app") -> None:
    import sys
    from contextlib import suppress

    from conftest import wait_for

    site.run([sys.executable, "-m", "uvicorn", app, "--port", str(site.port), *words])

    def answers() -> bool:
        with suppress(OSError):
            return bool(page(site))
        return False

    wait_for(answers)
