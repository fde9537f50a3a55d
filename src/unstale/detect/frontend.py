"""Front ends: each package.json with a build script."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from unstale.detect.files import Files
from unstale.project import Frontend
from unstale.settings import Settings

_PACKAGERS = (
    *(("pnpm", "pnpm-lock.yaml"), ("yarn", "yarn.lock"), ("bun", "bun.lock"), ("bun", "bun.lockb")),
    ("npm", "package-lock.json"),
)


def frontends(files: Files, settings: Settings) -> list[Frontend]:
    """Return the front ends, those of the settings if there are any."""
    if settings.frontends:
        return [
            _frontend(files.root / str(table.get("path", ".")), files, table)
            for table in settings.frontends
        ]
    return [
        _frontend(path.parent, files, {})
        for path in files.named("package.json")
        if "build" in _table(_manifest(path.parent, files), "scripts")
    ]


def _manifest(place: Path, files: Files) -> dict[str, Any]:
    with suppress(ValueError):
        document = json.loads(files.text(place / "package.json") or "{}")
        if isinstance(document, dict):
            return document
    return {}


def _table(manifest: dict[str, Any], key: str) -> dict[str, Any]:
    value = manifest.get(key)
    return value if isinstance(value, dict) else {}


def _frontend(place: Path, files: Files, table: dict[str, Any]) -> Frontend:
    place = place.resolve()
    manifest = _manifest(place, files)
    needs = {**_table(manifest, "dependencies"), **_table(manifest, "devDependencies")}
    kind = "next" if "next" in needs else "vite" if "vite" in needs else "node"
    packager = next((name for name, lock in _PACKAGERS if (place / lock).is_file()), "npm")
    build = tuple(str(table["build"]).split()) if "build" in table else (packager, "run", "build")
    dist = table.get("dist") or _out_dir(place, files) or {"next": ".next"}.get(kind, "dist")
    return Frontend(place, kind, build, (place / str(dist)).resolve(), packager)


def _out_dir(place: Path, files: Files) -> str | None:
    for name in ("vite.config.ts", "vite.config.js", "vite.config.mts", "vite.config.mjs"):
        found = re.search(r"outDir\s*:\s*[\"']([^\"']+)[\"']", files.text(place / name))
        if found:
            return found[1]
    return None
