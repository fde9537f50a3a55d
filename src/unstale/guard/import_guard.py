"""Imports the project's code behind a kernel barrier and tells what it declares.

Stand-alone, Python 3.9 or later, standard library only. Run as `PYTHON -B -E -S import_guard.py` in the directory, and
with the environment, of the real server. -E and -S keep PYTHONPATH, .pth files and sitecustomize from running before
the barrier; they are applied behind it. Standard input holds one JSON object, all but the first two optional:

    {"sys_path": ["/srv/app/backend"], "imports": ["app.main:app"], "django_settings": "site.settings",
     "want": ["models", "settings", "entry", "baseline"], "dialect": "postgresql", "server": "15", "revision": "a1b2", "salt": "…", "allow_import_without_barrier": false, "seconds": 20}

The last line of standard output is the answer; what imported code prints is dropped:

    {"schema": "unstale.guard/1", "python": "3.11.7", "barrier": {"landlock": 7, "seccomp": true}, "imported": [...],
     "failed": [{"module", "error", "file", "line"}],
     "denied": ["open /srv/app/app.log", ...],     # at most 20, seen by an audit hook: calls from C are refused unseen
     "tables": [{"name", "schema", "module", "columns": [{"name", "type", "nullable", "primary_key",
                 "has_server_default", "enum": [names as stored] or null}]}],
     "settings": {"app.config.Settings": {"fields": {name: sha256 of salt and value}, "invalid": [names]}},
     "baseline": what baseline.py and declarers.py say,
     "loaded": [absolute paths of the project's files that were imported], "took_s": 0.4}

Not even one line comes back when the code ends the interpreter from C, or holds it 3 s beyond its time.
"""

from __future__ import annotations

import contextlib
import faulthandler
import glob
import importlib
import json
import os
import re
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import unquote

_FAILURES: list[BaseException] = []  # their frames keep alive what a failed module had registered
_HERE = os.path.dirname(os.path.abspath(__file__))
_SECRET_KEY = re.compile(r"SECRET|TOKEN|KEY|PASS|PWD|DSN|CREDENTIAL|AUTH", re.IGNORECASE)
_PASSWORD = re.compile(r"(://[^/\s:@]*):\S*@")  # up to the last @: a password may hold one
_USER = re.compile(r"://[^/\s:@]+@")  # a key as the user, as in Sentry's DSN
_REFUSED_EVENTS = frozenset(
    f"os.{each}"
    for each in (
        "chmod chown exec fork forkpty kill link mkdir posix_spawn remove removexattr rename rmdir setxattr spawn "
        "symlink system truncate utime"
    ).split()
) | {
    "subprocess.Popen",
    "socket.bind",
    "socket.connect",
    "socket.sendmsg",
    "socket.sendto",
    "fcntl.flock",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_exit = os._exit


def main() -> None:
    began = time.monotonic()
    asked = json.loads(sys.stdin.buffer.read().decode("utf-8", "surrogateescape"))
    answer_to = _keep_stdout()
    sys.dont_write_bytecode = True
    answer: dict[str, Any] = {"schema": "unstale.guard/1", "python": sys.version.split()[0]}
    answer.update(imported=[], failed=[], denied=[], tables=[], settings={}, loaded=[])
    barrier = _beside("barrier")
    answer["barrier"] = barrier["raise_barrier"]()

    def finish() -> NoReturn:
        signal.setitimer(signal.ITIMER_REAL, 0)
        answer["loaded"] = _loaded(asked["sys_path"])
        answer["took_s"] = round(time.monotonic() - began, 3)
        _send(answer, answer_to, _secrets(asked["sys_path"]))
        _exit(0)  # no atexit handler of the imported code runs

    if barrier["held"](answer["barrier"]) or asked.get("allow_import_without_barrier"):
        _look(asked, answer, finish)
    else:
        _note(
            answer,
            "",
            "no barrier: this kernel or machine offers no seccomp filter to guard the import",
        )
    finish()


def _look(asked: dict[str, Any], answer: dict[str, Any], finish: Callable[[], NoReturn]) -> None:
    want = asked.get("want", ["models"])
    _limit(float(asked.get("seconds", 20)), answer, finish)
    os._exit = _ended
    sys.addaudithook(_witness(answer["denied"]))
    _attempt("site", lambda: _restore_path(asked["sys_path"]), answer)
    if asked.get("django_settings"):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", asked["django_settings"])
        _attempt("django", lambda: importlib.import_module("django").setup(), answer)
    if "baseline" in want:
        _beside("declarers")["hold_create_all"]()
    for name in asked["imports"]:
        _attempt(name, lambda name=name: _enter(name, *want), answer)  # type: ignore[misc]
    declared = _beside("declarations")
    if "models" in want:
        _attempt("tables", lambda: answer.update(tables=_own(declared["tables"]())), answer)
    if "baseline" in want:
        write = _beside("baseline")["baseline"]
        said = (
            asked["dialect"],
            int(asked.get("server", 0)),
            asked["revision"],
            _beside("declarers"),
        )
        _attempt("baseline", lambda: answer.update(baseline=write(*said)), answer)
    if "settings" in want:
        salt = str(asked.get("salt", ""))
        _attempt("settings", lambda: answer.update(settings=declared["settings"](salt)), answer)


def _keep_stdout() -> int:
    """Move the real stdout out of the imported code's reach and close all else that was inherited."""
    kept, null = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if kept != 3:
        os.dup2(kept, 3, inheritable=False)
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else range(4, 65536):
        if int(name) > 3:
            with contextlib.suppress(OSError):
                os.close(int(name))
    return 3


def _beside(name: str) -> dict[str, Any]:
    """Run a neighbour without a name in sys.modules, which the project may need itself."""
    space: dict[str, Any] = {"__name__": f"unstale_{name}"}
    path = os.path.join(_HERE, f"{name}.py")
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), space)
    return space


def _restore_path(roots: list[str]) -> None:
    """Give sys.path the server's order (roots, PYTHONPATH, the rest) and run what `site` runs."""
    rest = [each for each in sys.path if os.path.abspath(each) != _HERE]
    extra = (
        []
        if not sys.flags.ignore_environment
        else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    )
    sys.path[:] = list(dict.fromkeys([*roots, *filter(None, extra), *rest]))
    sys.pycache_prefix = os.environ.get("PYTHONPYCACHEPREFIX") or sys.pycache_prefix
    if sys.flags.no_site:
        site: Any = importlib.import_module("site")
        if os.environ.get("PYTHONNOUSERSITE"):
            site.ENABLE_USER_SITE = False
        site.main()
    # finding a directory for temporary files would write one there
    tempfile: Any = importlib.import_module("tempfile")
    tempfile.tempdir = os.environ.get("TMPDIR") or "/tmp"


class _TooLateError(BaseException):
    """Not an Exception: a project's own `except Exception` must not swallow it."""


class _EndedError(BaseException):
    """Not an Exception, as os._exit would not be caught either."""


def _ended(status: int = 0) -> NoReturn:
    """Stand in for os._exit: what was registered until then is still read."""
    raise _EndedError(f"the import called os._exit({status})")


def _limit(seconds: float, answer: dict[str, Any], finish: Callable[[], NoReturn]) -> None:
    fired = []

    def late(_number: int, frame: types.FrameType | None) -> None:
        fired.append(frame)
        if len(fired) == 1:
            raise _TooLateError(f"the import took more than {seconds:g} s")
        if not answer["tables"]:  # swallowed: the answer goes without a way back
            _note(answer, "", f"the import took more than {seconds:g} s")
            with contextlib.suppress(Exception):
                answer["tables"] = _own(_beside("declarations")["tables"]())
        finish()

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    faulthandler.dump_traceback_later(seconds + 3, exit=True, file=2)  # ends C code that holds on


def _witness(denied: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that notes what the barrier refuses; it is no barrier itself."""

    def hook(event: str, args: tuple[Any, ...]) -> None:
        try:
            if event not in _REFUSED_EVENTS and not (event == "open" and _writes(*args)):
                return
            subject = args[event.startswith("socket.")] if args else ""
            text = subject.decode("utf-8", "replace") if isinstance(subject, bytes) else subject
            line = f"{event} {text}"[:200]
        except Exception:  # an audit hook's exception would reach the project
            line = event
        if len(denied) < 20 and line not in denied:
            denied.append(line)

    return hook


def _writes(path: object, _mode: object, flags: int) -> bool:
    return bool(flags & _WRITING) and path != os.devnull and not isinstance(path, int)


def _enter(name: str, *want: str) -> None:
    """Import; for the tables also call what makes the app, which may be what imports the models."""
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    whole = path and {"entry", "baseline"} & {*want}
    for attribute in path.partition("(")[0].split(".") if whole else ():
        found = getattr(found, attribute)
    if "baseline" in want and isinstance(found, types.FunctionType) and _asks_nothing(found):
        found()


def _asks_nothing(made: types.FunctionType) -> bool:
    with contextlib.suppress(TypeError):
        importlib.import_module("inspect").signature(made).bind()
        return True
    return False


def _attempt(name: str, load: Callable[[], object], answer: dict[str, Any]) -> None:
    module = name.partition(":")[0]
    try:
        load()
        if name not in ("site", "tables", "settings", "baseline"):
            answer["imported"].append(module)
    except BaseException as error:  # the project's code may raise anything, SystemExit included
        _FAILURES.append(error)
        file, line = _place(error)
        _note(answer, module, f"{type(error).__name__}: {_message(error)}", file, line)


def _note(answer: dict[str, Any], module: str, error: str, file: str = "", line: int = 0) -> None:
    answer["failed"].append({"module": module, "error": error, "file": file, "line": line})


def _place(error: BaseException) -> tuple[str, int]:
    """Return the deepest line of the project, else of whatever it called."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0
    frames = [
        each
        for each in traceback.extract_tb(error.__traceback__)
        if "importlib" not in each.filename and not each.filename.startswith(_HERE)
    ]
    own = [each for each in frames if not _installed(each.filename)] or frames
    return (own[-1].filename, own[-1].lineno or 0) if own else ("", 0)


def _own(tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what installed packages declare: it may be in no database of the project."""
    return [
        each
        for each in tables
        if not _installed(str(getattr(sys.modules.get(each["module"]), "__file__", "")))
    ]


def _installed(path: str) -> bool:
    library = os.path.dirname(os.__file__) + os.sep
    return "site-packages" in path or "dist-packages" in path or path.startswith((library, "<"))


def _message(error: BaseException) -> str:
    """Return one line; of pydantic's errors the fields alone, because its text quotes their values."""
    try:
        if type(error).__name__ == "ValidationError" and hasattr(error, "errors"):
            return ", ".join(
                f"{'.'.join(map(str, each['loc']))} ({each['type']})" for each in error.errors()
            )
        return (str(error).splitlines() or [""])[0][:500]
    except Exception:
        return "(its message cannot be read)"


def _loaded(roots: list[str]) -> list[str]:
    files = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")  # getattr would wake a lazy module
        path = os.path.abspath(file) if isinstance(file, str) else ""
        within = any(path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)
        if within and not _installed(path):
            files.add(path)
    return sorted(files)


def _secrets(roots: list[str]) -> list[str]:
    """Return the values that look secret, longest first, of the environment and the .env files near the code."""
    pairs = list(os.environ.items())
    near = {os.getcwd(), *roots, *[os.path.dirname(root) for root in roots]}
    for path in [
        path for each in near for path in glob.glob(os.path.join(glob.escape(each), ".env*"))
    ]:
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            pairs += [
                (key, value.strip().strip("'\""))
                for key, _, value in (each.partition("=") for each in file)
            ]
    found = {value for key, value in pairs if _SECRET_KEY.search(key)}
    found |= {each for _, value in pairs for each in re.findall(r"://[^/\s:@]*:(\S*)@", value)}
    return sorted(
        {each for raw in found for each in (raw, unquote(raw)) if len(each) >= 6},
        key=len,
        reverse=True,
    )


def _send(answer: dict[str, Any], descriptor: int, secrets: list[str]) -> None:
    def masked(text: str) -> str:
        text = _USER.sub("://***@", _PASSWORD.sub(r"\1:***@", text))
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    for each in answer["failed"]:
        each["error"] = masked(each["error"])
    answer["denied"] = [masked(each) for each in answer["denied"]]
    left = (
        b"\n" + json.dumps(answer).encode() + b"\n"
    )  # a new line, whatever was written there before
    while left:
        left = left[os.write(descriptor, left) :]


if __name__ == "__main__":
    main()
