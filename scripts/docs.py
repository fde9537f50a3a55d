"""Writes the pages that come from the code: a page a check, the catalogue, and the README's screen.

`--check` writes nothing and exits 1 naming each file that differs.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from unstale.check import Check, catalogue

ROOT = Path(__file__).parent.parent
MARKS = ("<!-- transcript -->", "<!-- /transcript -->")
APP = """\
from fastapi import FastAPI
from app.words import GREETING
app = FastAPI()
@app.get("/")
def hello():
    return {"hello": GREETING}
"""


def main() -> int:
    """Write or compare every generated file."""
    pages = {ROOT / "docs/checks" / f"{each.code}.md": page(each) for each in catalogue()}
    pages[ROOT / "docs/checks/README.md"] = table()
    readme = ROOT / "README.md"
    pages[readme] = with_transcript(readme.read_text("utf-8"))
    present = set((ROOT / "docs/checks").glob("*.md"))
    drifted = [
        path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    drifted += [path for path in present if path not in pages]
    if "--check" in sys.argv:
        for path in drifted:
            print(f"{path.relative_to(ROOT)} differs from the code: make docs", file=sys.stderr)
        return 1 if drifted else 0
    (ROOT / "docs/checks").mkdir(parents=True, exist_ok=True)
    for path in drifted:
        if path in pages:
            path.write_text(pages[path], "utf-8")
        else:
            path.unlink()
    return 0


def page(check: Check) -> str:
    """Return the check's page: its docstring under its own headings."""
    source = Path(check.where.rpartition(":")[0]).relative_to(ROOT)
    lead, _, rest = check.doc.partition("\n\n")
    body = re.sub(r"(?m)^(What|Why|How|Fix)([^\n]{3,40})\n(?=\S)", r"## \1\2\n\n", rest)
    kind = "manual" if check.manual else f"automatic ({check.fix.risk.word})"
    facts = f"{check.severity.value} · fix: {kind} · since {check.since} · [{check.slug}](../../{source})"
    return f"# {check.code}: {check.title}\n\n{facts}\n\n{lead}\n\n{body}\n"


def table() -> str:
    """Return the catalogue as a table."""
    rows = [
        f"| [{each.code}]({each.code}.md) | {each.layer.words} | {each.title} | "
        f"{each.severity.value} | {'manual' if each.manual else each.fix.risk.word} |"
        for each in catalogue()
    ]
    head = "# Checks\n\n| code | link | what is wrong | severity | fix |\n|---|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def with_transcript(readme: str) -> str:
    """Return the README with a screen made now between its marks."""
    before, _, rest = readme.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}\n```text\n{transcript()}\n```\n{MARKS[1]}{after}"


def transcript() -> str:
    """Return one real screen: a server whose pull is blocked and whose code changed; what varies is replaced."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "shop"
        (root / "app").mkdir(parents=True)
        (root / "app/__init__.py").touch()
        (root / "app/main.py").write_text(APP)
        (root / "app/words.py").write_text('GREETING = "old"\n')
        (root / ".gitignore").write_text("__pycache__/\n")
        (root / "requirements.txt").write_text("fastapi\nuvicorn\n")
        for words in (("init", "-qb", "main"), ("add", "-A"), ("commit", "-qm", "begin")):
            _git(root, *words)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "npm_", "UV_"))
        }
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port)],
            cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(port)
            time.sleep(2.3)
            (root / "app/words.py").write_text('GREETING = "new"\n')
            _git(root, "commit", "-qam", "new words")
            env |= {"COLUMNS": "100", "NO_COLOR": "1"}
            argv = [sys.executable, "-m", "unstale", "check"]
            shown = subprocess.run(
                argv, cwd=root, env=env, capture_output=True, text=True, check=False
            ).stdout
        finally:
            server.terminate()
            server.wait()
    return _normalised(shown.rstrip(), scratch, server.pid, port)


def _git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=you", "-c", "user.email=you@example.invalid")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def _wait(port: int) -> None:
    for _ in range(300):
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not answer")


def _normalised(text: str, scratch: str, pid: int, port: int) -> str:
    text = text.replace(f"{scratch}/", "~/").replace(str(Path(scratch).resolve()), "~")
    text = text.replace(sys.executable, ".venv/bin/python")
    text = re.sub(rf"\b{pid}\b", "4711", text)
    text = re.sub(rf"\b{port}\b", "8000", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-24 09:12:03", text)
    commits = iter(("1f0c2ab49d", "7be3d5520c"))
    text = re.sub(
        r"git diff [0-9a-f]{10} [0-9a-f]{10}", f"git diff {next(commits)} {next(commits)}", text
    )
    text = re.sub(r"main [0-9a-f]{7}", "main 7be3d55", text)
    text = re.sub(r"Python 3[.0-9]+, \d+ packages", "Python 3.11.7, 71 packages", text)
    return re.sub(r"\(\d+ checks, [\d.]+ s\)", "(12 checks, 0.21 s)", text)


if __name__ == "__main__":
    sys.exit(main())
