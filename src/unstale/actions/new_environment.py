"""Makes a virtual environment anew from the lock; the former one is kept whole by a rename, so undo is a rename too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.environment import kept_aside, run_uv, why_not_kept
from unstale.actions.files import SwapBack, hide, listing
from unstale.fact import Facts
from unstale.host import Host
from unstale.layer import Layer, Risk

_FROM = ("-f", "--find-links", "-i", "--index-url", "--extra-index-url", "--no-index")


@dataclass(frozen=True, slots=True)
class NewEnvironment(Action):
    """Move the environment aside and make it again: the same Python, the lock's packages, the same local ones.

    `pins` ("six==1.17.0") are installed where no lock can be; beside a lock they hold what it does not name at the
    present versions. `tools` (pip, setuptools, wheel) are what no lock names and an app may import. `listed` is the
    requirements.txt that says where pins come from. `local` are (directory, editable) that were installed from the
    checkout. `system`: it saw the system's packages. No lock is ever written.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.ENVIRONMENT
    undoable: ClassVar[bool] = True

    prefix: str
    base: str
    lock: str | None
    pins: tuple[str, ...]
    local: tuple[tuple[str, bool], ...]
    system: bool = False
    tools: tuple[str, ...] = ()
    listed: str = ""
    cache: bool = True

    def title(self) -> str:
        source = Path(self.lock).name if self.lock else "the versions that are installed now"
        return f"make {Path(self.prefix).name} anew from {source}"

    def preview(self) -> tuple[str, ...]:
        freeze = f"uv pip freeze --python {self.prefix}/bin/python > constraints.txt"
        return (
            *((freeze,) if self.pins else ()),
            f"mv {self.prefix} {self.prefix}.former",
            *(" ".join(("uv", *each)) for each in self._steps("constraints.txt")),
        )

    def settled(self, facts: Facts) -> bool:
        return False

    def blocked(self, facts: Facts) -> str | None:
        why = why_not_kept(facts, self.prefix)
        if why is None and facts.host.stat(self.base) is None:
            why = f"its Python {self.base} is no longer there"
        return why

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return SwapBack(kept_aside(keep), self.prefix)

    def apply(self, host: Host, keep: Keep) -> None:
        kept = kept_aside(keep)
        hide(host, keep.trash)
        host.rename(self.prefix, kept)
        cwd = str(Path(self.lock).parent) if self.lock else str(Path(self.prefix).parent)
        bounds = f"{keep.trash}/constraints.txt"
        host.write(bounds, "\n".join((*sources(host, self.listed), *self.pins)).encode())
        for words in self._steps(bounds):
            run_uv(host, words, self.prefix, cwd)
        host.write(f"{kept}.after", listing(host, self.prefix).encode("utf-8", "surrogateescape"))

    def _steps(self, bounds: str) -> tuple[tuple[str, ...], ...]:
        python = ("--python", f"{self.prefix}/bin/python")
        steps = [
            (
                "venv",
                "--no-project",
                "--python",
                self.base,
                *(("--system-site-packages",) if self.system else ()),
                self.prefix,
            )
        ]
        if self.lock and Path(self.lock).name == "uv.lock":
            steps.append(("sync", "--frozen", *python, "--project", str(Path(self.lock).parent)))
        elif self.lock:
            held = ("-c", bounds) if self.pins else ()
            steps.append(("pip", "install", *python, "-r", self.lock, *held))
        elif self.pins:
            steps.append(("pip", "install", *python, "--no-deps", "-r", bounds))
        if self.tools:
            steps.append(("pip", "install", *python, *self.tools))  # wheel needs packaging
        for place, editable in self.local:
            steps.append(
                ("pip", "install", *python, "--no-deps", *(("-e",) if editable else ()), place)
            )
        past = () if self.cache else ("--no-cache",)
        return tuple((*each, *past) for each in steps)


def sources(host: Host, listed: str) -> list[str]:
    """Return the lines of a requirements.txt that name an index or a directory of wheels; they may hold a password."""
    found = []
    for line in host.read(listed).decode("utf-8", "replace").splitlines() if listed else ():
        name, _, value = line.strip().replace("=", " ", 1).partition(" ")
        if name in ("-f", "--find-links") and "://" not in value:
            found.append(f"--find-links {Path(listed).parent / value.strip()}")
        elif name in _FROM:
            found.append(line)
    return found
