"""The compose command that is installed, and what it would change beside the image.

`config` prints a dollar sign of a value twice, so that its output is a compose file again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.docker import Container, Containers, ask, engine
from unstale.layer import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose(Fact):
    """`argv` is ("docker", "compose") of Compose 2, else ("docker-compose",) of Compose 1."""

    layer = Layer.DOCKER
    waits = True

    argv: tuple[str, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Compose:
        facts.get(
            Containers
        )  # without a container nothing is asked: Compose 1 takes half a second to answer
        host = facts.host
        for argv in (("docker", "compose"), ("docker-compose",)):
            if host.which(argv[0]) and host.run((*argv, "version")).code == 0:
                return cls(seen_at=host.now(), argv=argv)
        raise Absent(
            what="no compose",
            why="neither docker compose nor docker-compose is installed",
            next="Install one of them.",
        )


def drift(facts: Facts, container: Container, config: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the file now sets otherwise than the container was started with: variables and ports, by name.

    `config` is the command that prints the resolved file. Values are compared here and never leave. Raises
    Unavailable.
    """
    import yaml  # noqa: PLC0415 - only a repair of a container pays for it

    done = facts.host.run(config, timeout=20.0)
    if done.code != 0:
        why = (done.err.strip().splitlines() or [f"exit {done.code}"])[-1]
        raise Unavailable(what="compose cannot read its file", why=why, next=" ".join(config))
    service = (yaml.safe_load(done.out).get("services") or {}).get(container.service)
    if service is None:
        why = "the file has no such service, or only under a profile"
        raise Unavailable(
            what=f"cannot compare {container.service}", why=why, next=" ".join(config)
        )
    seen = ask(facts.host, engine(facts.host), f"/containers/{container.id}/json")
    held = dict(item.partition("=")[::2] for item in seen["Config"]["Env"] or ())
    variables = [key for key, value in _pairs(service) if held.get(key) != value]
    ports = _ports(service) != _bound(seen)
    return (*sorted(variables), *(("ports",) if ports else ()))


def _pairs(service: dict[str, Any]) -> list[tuple[str, str]]:
    environment = service.get("environment") or {}
    if isinstance(environment, list):
        pairs = [item.partition("=")[::2] for item in environment]
        return [(str(key), str(value).replace("$$", "$")) for key, value in pairs]
    return [
        (str(key), value.replace("$$", "$") if isinstance(value, str) else json.dumps(value))
        for key, value in environment.items()
        if value is not None
    ]


def _ports(service: dict[str, Any]) -> set[tuple[str, str]]:
    """Return (port inside, port on the host) of the short form "IP:HOST:INSIDE/tcp" and of the long one."""
    found = set()
    for each in service.get("ports") or ():
        if isinstance(each, dict):
            found.add((str(each["target"]), str(each.get("published") or "")))
        else:
            words = str(each).partition("/")[0].split(":")
            found.add((words[-1], words[-2] if len(words) > 1 else ""))
    return found


def _bound(seen: dict[str, Any]) -> set[tuple[str, str]]:
    bindings = seen["HostConfig"].get("PortBindings") or {}
    return {
        (inside.partition("/")[0], each.get("HostPort", ""))
        for inside, places in bindings.items()
        for each in places or ()
    }
