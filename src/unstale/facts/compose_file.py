"""How a compose file builds its services, read from the file alone; https://github.com/compose-spec/compose-spec."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unstale.errors import Unavailable
from unstale.host import Host

_VARIABLE = re.compile(r"\$\{\w+:?-([^}]*)\}|\$(?:\{(\w+)[^}]*\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Build:
    """A service's build: absolute context and Dockerfile, and the stage it stops at."""

    service: str
    context: Path
    dockerfile: Path
    target: str | None


def builds(host: Host, path: Path) -> tuple[Build, ...]:
    """Return the services that the file builds; one whose paths hang on a variable is left out. Raises Unavailable."""
    import yaml  # noqa: PLC0415 - only a project with containers pays for it

    try:
        document = yaml.safe_load(host.read(str(path)))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unavailable(
            what=f"cannot read {path}",
            why=str(error).replace("\n", " "),
            next=f"docker compose -f {path} config",
        ) from None
    services = document.get("services") if isinstance(document, dict) else None
    found = [
        _build(path.parent, str(name), service["build"])
        for name, service in (services or {}).items()
        if isinstance(service, dict) and service.get("build")
    ]
    return tuple(each for each in found if each is not None)


def _build(base: Path, service: str, build: Any) -> Build | None:
    table = build if isinstance(build, dict) else {"context": build}
    context = _filled(str(table.get("context", ".")))
    dockerfile = _filled(str(table.get("dockerfile", "Dockerfile")))
    if context is None or dockerfile is None or "://" in context:
        return None
    place = (base / context).resolve()
    target = table.get("target")
    return Build(service, place, place / dockerfile, target and str(target))


def _filled(text: str) -> str | None:
    """Return the text with each variable's default; None where one has none."""
    filled = _VARIABLE.sub(lambda found: found[1] if found[1] is not None else "\0", text)
    return None if "\0" in filled else filled
