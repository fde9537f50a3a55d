"""Write the skeletons of a check, its test and its lab fault: new_check.py CODE SLUG."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from unstale.check import HEADINGS, RETIRED, by_code, catalogue
from unstale.errors import Refused, UnstaleError, UsageError
from unstale.layer import Layer

ROOT = Path(__file__).resolve().parent.parent

CHECK = '''\
"""{code}."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.check import check
from unstale.facts.app_processes import AppProcesses
from unstale.finding import Finding, Fresh, compare
from unstale.layer import Layer


@check("{code}", "{title}", layer=Layer.{layer}, since="0.1")
def {slug}(processes: AppProcesses) -> Iterator[Finding | Fresh]:
    """Say in one sentence what differs from its source.

{headings}
    """
    for process in processes.of("server"):
        yield compare(
            process.subject,
            want=processes.shows("what the source says", "the command that shows it again"),
            have=processes.shows("what the derived thing shows", "the command that shows it again"),
            because="one clause: what happened to this one",
        )
'''

TEST = """\
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Site


def test_fault_is_found_and_cured(site: Site) -> None:
    site.serve()
    raise AssertionError("make the fault really so here")
    assert site.codes() == ["{code}"]
    assert site.unstale("fix", "--yes").returncode == 0
    assert site.check()["verdict"] == "fresh"


def test_healthy_server_is_fresh(site: Site) -> None:
    site.serve()
    assert site.codes() == []
"""

FAULT = '''\
"""{code}: {title}."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Say in one sentence what a person does to get here, then really do it."""
    raise NotImplementedError("{code}: make the fault really so")


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """Do what a person does with the lines that `unstale fix` prints; an automatic fix needs no such function."""
    raise NotImplementedError("{code}: make the printed edit")
'''


def main(words: list[str]) -> int:
    """Write the three files; refuse with one message and exit 2, before anything is written."""
    try:
        code, slug = _given(words)
        layer = _layer(code)
        _require_free(code, slug, layer)
        for path, text in _skeletons(code, slug, layer).items():
            _write(path, text)
            print(path.relative_to(ROOT))
    except UnstaleError as error:
        print(f"{error.what}: {error.why}\n{error.next}", file=sys.stderr)
        return error.exit
    print(f"next: make the fault real, then the test red, then the check green: pytest -k {slug}")
    return 0


def _given(words: list[str]) -> tuple[str, str]:
    code, slug = ([*words, "", ""])[:2]
    if not re.fullmatch(r"[A-Z]{3}\d{3}", code):
        raise UsageError(
            what="no check was begun",
            why=f'"{code}" is no code, which is a layer and three digits',
            next="make new-check CODE=PRC009 SLUG=preload_hides_the_reload",
        )
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+){2,}", slug):
        raise UsageError(
            what="no check was begun",
            why=f'"{slug}" is no sentence that is true when the check fires',
            next=f"make new-check CODE={code} SLUG=preload_hides_the_reload",
        )
    return code, slug


def _layer(code: str) -> Layer:
    if code[:3] not in list(Layer):
        raise UsageError(
            what="no check was begun",
            why=f"{code[:3]} is no layer",
            next=f"Take one of {' '.join(Layer)}",
        )
    return Layer(code[:3])


def _require_free(code: str, slug: str, layer: Layer) -> None:
    used = by_code(code)
    if used or code in RETIRED:
        why = f"it is {used.slug}" if used else f"it is retired, {RETIRED[code]}"
        raise Refused(what=f"{code} is taken", why=why, next=f"Take {_next_code(layer)}")
    for path in _skeletons(code, slug, layer):
        if path.exists():
            raise Refused(
                what=f"{slug} is taken",
                why=f"{path.relative_to(ROOT)} is there",
                next="Name another offence",
            )


def _next_code(layer: Layer) -> str:
    known = {each.code for each in catalogue()} | set(RETIRED)
    numbers = [int(code[3:]) for code in known if code.startswith(layer.value)]
    return f"{layer.value}{max(numbers, default=0) + 1:03}"


def _skeletons(code: str, slug: str, layer: Layer) -> dict[Path, str]:
    folder = layer.name.lower()
    words = {
        "code": code,
        "slug": slug,
        "layer": layer.name,
        "title": slug.replace("_", " "),
        "headings": "\n\n".join(f"    {heading}\n    …" for heading in HEADINGS),
    }
    return {
        ROOT / "src/unstale/checks" / folder / f"{slug}.py": CHECK.format(**words),
        ROOT / "tests/checks" / folder / f"test_{slug}.py": TEST.format(**words),
        ROOT / "lab/faults" / folder / f"{slug}.py": FAULT.format(**words),
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    package = path.parent / "__init__.py"
    if ROOT / "tests" not in path.parents and not package.exists():
        what = path.parent.parent.name.capitalize()
        package.write_text(f'"""{what} of the {path.parent.name} link."""\n', "utf-8")
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
