"""An import of the project's code by its own interpreter, behind the kernel barrier of guard/import_guard.py."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from unstale.errors import Unavailable
from unstale.fact import Facts
from unstale.facts.env_files import declarations, secrets
from unstale.facts.environ import environ_of
from unstale.facts.runtime import Runtime
from unstale.project import Backend
from unstale.redact import hide

_GUARD = Path(__file__).parent.parent / "guard" / "import_guard.py"
_SECONDS = 20


def imported(
    facts: Facts,
    backend: Backend,
    running: Runtime,
    *,
    app: str,
    want: str,
    more: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Import `app` where and with what the back end runs; return the guard's answer, values of secrets hidden.

    `want` is "models", "entry", "settings" or "baseline", which needs `more`; several are parted by spaces. `more` goes
    into what is asked (import_guard.py). `environ` is the environment where it is not that of the running process.
    Costs what a start of the app costs. Raises Unavailable.
    """
    django = backend.kind == "django"
    given = environ is not None or running.pid is not None
    if environ is None:
        environ = environ_of(facts.host, running.pid) if running.pid else _dotenv(facts, backend)
    asked = {
        "sys_path": list(dict.fromkeys([running.cwd, str(backend.path)])),
        "imports": [] if django else [app],
        **({"django_settings": app} if django else {}),
        "want": want.split(),
        "allow_import_without_barrier": facts.options.allow_import,
        "seconds": _SECONDS,
        **(more or {}),
    }
    done = facts.host.run(
        (running.python, "-B", "-E", "-S", str(_GUARD)),
        cwd=running.cwd,
        env=tuple(environ.items()),
        clean=given,
        stdin=json.dumps(asked),
        timeout=_SECONDS + 5,
    )
    answer = _answer(done.out, done.err.strip() or f"exit {done.code}", running)
    if not any(answer["barrier"].values()) and not facts.options.allow_import:
        raise Unavailable(
            what=f"{app} was not imported",
            why="this kernel offers neither Landlock nor seccomp to guard the import",
            next="unstale check --allow-import",
        )
    files = (*map(str, backend.env_files), f"{running.cwd}/.env")
    values = secrets(facts.host, environ.values(), *files)
    for each in answer["failed"]:
        each["error"] = hide(str(each["error"]), values)
    return answer


def _dotenv(facts: Facts, backend: Backend) -> dict[str, str]:
    """Return what flask's own command sets before it imports the app; what is set already stays.

    https://flask.palletsprojects.com/en/stable/cli/#environment-variables-from-dotenv
    """
    said: dict[str, str] = {}
    for name in (".flaskenv", ".env") if backend.kind == "flask" else ():
        with suppress(OSError):
            text = facts.host.read(str(backend.path / name)).decode("utf-8", "replace")
            said |= {key: value for key, value in declarations(text).items() if value is not None}
    return {key: value for key, value in said.items() if facts.host.environ(key) is None}


def _answer(out: str, err: str, running: Runtime) -> dict[str, Any]:
    try:
        return dict(json.loads(out.strip().rpartition("\n")[2]))
    except ValueError:
        raise Unavailable(
            what="the guarded import gave no answer",
            why=err.splitlines()[-1],
            next=f"{running.python} -B -E -S {_GUARD}",
        ) from None
