"""Reads a command line as a server's, a worker's or a development server's; pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

SERVERS = (
    "uvicorn",
    "gunicorn",
    "hypercorn",
    "granian",
    "daphne",
    "waitress-serve",
    "fastapi",
    "flask",
)
JOBS = ("celery", "rq", "dramatiq", "arq", "huey_consumer", "taskiq")
_WORKING = {
    "celery": ("worker", "beat", "multi"),
    "rq": ("worker", "worker-pool"),
    "taskiq": ("worker", "scheduler"),
}
_WRAPPERS = frozenset(
    {"npm", "npx", "pnpm", "yarn", "bun", "uv", "uvx", "poetry", "pipenv", "pdm", "hatch"}
)
DEV_TOOLS = ("vite", "next", "webpack-dev-server", "react-scripts")
_PREFIXES = (
    "-",
    "unix:",
    "fd:",
    "file:",
    "python:",
)  # of addresses and settings, which look like "module:attribute"


@dataclass(frozen=True, slots=True)
class Command:
    """What a command line starts. `role` is server, job, dev, spawned, python or other.

    `program` names the server or tool, `app` its "module:attribute" when given, `script` a Python file.
    """

    role: str
    program: str
    app: str | None = None
    script: str | None = None
    reload: bool = False
    module: str | None = None


def parse(words: tuple[str, ...]) -> Command:
    """Return what the words start; wrappers such as sh, npm or npx are other."""
    if not words:
        return Command("other", "")
    program = PurePath(words[0]).name
    if program.startswith(
        "gunicorn: "
    ):  # setproctitle rewrites argv: "gunicorn: master [app.main:app]"
        return Command("server", "gunicorn", app=program.partition("[")[2].rstrip("]") or None)
    if program.startswith(("python", "pypy")):
        return _python(words[1:])
    if program in ("node", "bun", "deno"):
        return _node(words[1:])
    if program in SERVERS:
        return _server(program, words[1:])
    return _node(words) if program in DEV_TOOLS else Command("other", program)


def wraps(word: str) -> bool:
    """Return whether the word names a wrapper; npm rewrites its title to one word, "npm run dev"."""
    program = PurePath(word.partition(" ")[0]).name
    return program.removesuffix(".js").removesuffix("-cli") in _WRAPPERS


def supervises(words: tuple[str, ...]) -> bool:
    """Return whether the command is supervisord's."""
    return any("supervisord" in word for word in words[:3])


def _python(words: tuple[str, ...]) -> Command:
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c"):
        flag = rest.pop(0)
        if flag == "-i":  # a person types into it
            return Command("other", "python")
        if flag in ("-W", "-X") and rest:
            rest.pop(0)
    if not rest:
        return Command("other", "python")
    if rest[0] == "-c":
        spawned = any("spawn_main(" in word or "--multiprocessing-fork" in word for word in rest)
        return Command("spawned" if spawned else "other", "python")
    if rest[0] == "-m":
        name = rest[1] if len(rest) > 1 else ""
        return _named(name, tuple(rest[2:]), module=name)
    return _named(PurePath(rest[0]).name, tuple(rest[1:]), script=rest[0])


def _named(
    name: str, rest: tuple[str, ...], module: str | None = None, script: str | None = None
) -> Command:
    if name in SERVERS:
        return _server(name, rest)
    if name in JOBS:
        return _job(name, rest, module)
    if name == "manage.py" and "runserver" in rest:
        return Command("server", "runserver", script=script, reload="--noreload" not in rest)
    return Command("python", name, module=module, script=script)


def _job(name: str, rest: tuple[str, ...], module: str | None) -> Command:
    """Return a worker's command; the same programs also look at workers, or open a shell."""
    verbs = _WORKING.get(name)
    working = verbs is None or any(word in verbs for word in rest)
    app = next((after for word, after in pairwise(rest) if word in ("-A", "--app")), None)
    return Command("job" if working else "other", name, app=app, module=module)


def _server(name: str, rest: tuple[str, ...]) -> Command:
    if name == "flask":
        if "run" not in rest:
            return Command("other", name)
        reload = "--debug" in rest or "--reload" in rest
        app = next(
            (rest[at + 1] for at, word in enumerate(rest[:-1]) if word in ("--app", "-A")), None
        )
        return Command("server", name, app=app, reload=reload)
    if name == "fastapi":
        verb = next((word for word in rest if word in ("run", "dev")), None)
        return Command(
            "server" if verb else "other", name, reload=verb == "dev" or "--reload" in rest
        )
    app = next(
        (
            word
            for word in rest
            if ":" in word and not word.startswith(_PREFIXES) and _importable(word)
        ),
        None,
    )
    return Command("server", name, app=app, reload="--reload" in rest)


def _importable(word: str) -> bool:
    module, _, attribute = word.partition(":")
    return (
        all(part.isidentifier() for part in module.split("."))
        and attribute.split("(")[0].replace(".", "").isidentifier()
    )


def _node(words: tuple[str, ...]) -> Command:
    for word in words[:2]:
        name = PurePath(word).name.removesuffix(".js").removesuffix(".mjs")
        if name in DEV_TOOLS:
            starting = (
                "start" in words and name != "react-scripts"
            )  # whose start is the development server
            building = starting or any(each in words for each in ("build", "preview"))
            role = "server" if starting else "other" if building else "dev"
            return Command(role, name, reload=not building)
    return Command("other", "node")
