"""Imports the project's code behind a kernel barrier and tells what it declares.

Stand-alone, Python 3.9 or later, standard library only. Run as `PYTHON -B import_guard.py` in the directory, and with
the environment, of the real server; standard input holds one JSON object:

    {"sys_path": ["/srv/app/backend"], "imports": ["app.main"], "django_settings": "site.settings",
     "allow_import_without_barrier": false, "seconds": 20}

The last line of standard output is the answer; what imported code prints is dropped:

    {"schema": "unstale.guard/1", "python": "3.11.7", "barrier": {"landlock": 7, "seccomp": true}, "imported": [...],
     "failed": [{"module", "error", "file", "line"}],
     "tables": [{"name", "schema", "columns": [{"name", "type", "nullable", "primary_key", "has_server_default",
                 "enum": [names as stored] or null}]}],
     "loaded": [absolute paths of the project's files that were imported], "took_s": 0.4}
"""

import gc
import importlib
import json
import os
import re
import signal
import sys
import time
import traceback

_FAILURES = []  # their frames keep alive what a failed module had registered
_SECRET_KEY = re.compile(r"SECRET|TOKEN|KEY|PASSW|PWD|DSN|CREDENTIAL|AUTH", re.IGNORECASE)
_USERINFO = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")


def main():
    began = time.monotonic()
    asked = json.load(sys.stdin)
    answer_to = _keep_stdout()
    answer = {
        "schema": "unstale.guard/1",
        "python": sys.version.split()[0],
        "imported": [],
        "failed": [],
        "tables": [],
    }
    sys.dont_write_bytecode = True
    answer["barrier"] = _barrier()
    held = answer["barrier"]["landlock"] or answer["barrier"]["seccomp"]
    if held or asked.get("allow_import_without_barrier"):
        # the server's own path comes first, and this script's directory must not be found
        sys.path[:] = [
            *asked["sys_path"],
            *[each for each in sys.path if each != os.path.dirname(os.path.abspath(__file__))],
        ]
        _limit(int(asked.get("seconds", 20)))
        _import_all(asked, answer)
        _collect(asked, answer)
    answer["loaded"] = _loaded(asked["sys_path"])
    answer["took_s"] = round(time.monotonic() - began, 3)
    os.write(answer_to, (json.dumps(answer) + "\n").encode())
    os._exit(0)  # no atexit handler of the imported code runs


def _keep_stdout():
    """Move the real stdout out of the imported code's reach and close everything else that was inherited."""
    kept = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(max(kept, null) + 1, 65536)
    if null > 2:
        os.close(null)
    return kept


def _barrier():
    here = os.path.dirname(os.path.abspath(__file__))
    space = {"__name__": "barrier"}
    with open(os.path.join(here, "barrier.py"), encoding="utf-8") as file:
        exec(compile(file.read(), "barrier.py", "exec"), space)
    return space["raise_barrier"]()


class _TooLate(BaseException):
    """Not an Exception: a project's own `except Exception` must not swallow it."""


def _limit(seconds):
    def late(number, frame):
        raise _TooLate("the import took more than %d s" % seconds)

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)


def _import_all(asked, answer):
    settings = asked.get("django_settings")
    if settings:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
        _attempt("django", lambda: importlib.import_module("django").setup(), answer)
    for name in asked.get("imports", ()):
        module = name.partition(":")[0]
        _attempt(module, lambda: importlib.import_module(module), answer)
    signal.alarm(0)


def _attempt(module, load, answer):
    try:
        load()
        answer["imported"].append(module)
    except BaseException as error:  # the project's code may raise anything, SystemExit included
        _FAILURES.append(error)
        frames = traceback.extract_tb(error.__traceback__)
        last = next(
            (each for each in reversed(frames) if "importlib" not in each.filename), frames[-1]
        )
        text = _masked(
            "%s: %s" % (type(error).__name__, str(error).splitlines()[0] if str(error) else "")
        )
        answer["failed"].append(
            {"module": module, "error": text, "file": last.filename, "line": last.lineno}
        )


def _masked(text):
    text = _USERINFO.sub(r"\1:***@", text)
    for key, value in os.environ.items():
        if len(value) >= 6 and _SECRET_KEY.search(key):
            text = text.replace(value, "***")
    return text


def _collect(asked, answer):
    try:
        answer["tables"] = _sqlalchemy_tables() + (
            _django_tables() if asked.get("django_settings") else []
        )
    except Exception as error:
        answer["failed"].append(
            {
                "module": "",
                "error": _masked("%s: %s" % (type(error).__name__, error)),
                "file": "",
                "line": 0,
            }
        )


def _sqlalchemy_tables():
    if "sqlalchemy" not in sys.modules:
        return []
    kind = importlib.import_module("sqlalchemy").MetaData
    found = {}
    own = {
        id(each)  # oracle's and mssql's catalogues, which a dialect's import declares
        for name, module in list(sys.modules.items())
        if name.startswith("sqlalchemy.")
        for each in vars(module).values()
        if isinstance(each, kind)
    }
    for metadata in [
        each for each in gc.get_objects() if isinstance(each, kind) and id(each) not in own
    ]:
        for table in metadata.tables.values():
            found.setdefault((table.schema, table.name), table)
    return [
        _table(table)
        for _, table in sorted(found.items(), key=lambda item: (item[0][0] or "", item[0][1]))
    ]


def _table(table):
    return {
        "name": table.name,
        "schema": table.schema,
        "columns": [
            {
                "name": column.name,
                "type": type(column.type).__name__,
                "nullable": bool(column.nullable),
                "primary_key": bool(column.primary_key),
                "has_server_default": column.server_default is not None,
                "enum": list(column.type.enums) if hasattr(column.type, "enums") else None,
            }
            for column in table.columns
        ],
    }


def _django_tables():
    apps = importlib.import_module("django.apps").apps
    tables = []
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if not options.managed or options.proxy:
            continue
        columns = [
            {
                "name": field.column,
                "type": type(field).__name__,
                "nullable": bool(field.null),
                "primary_key": bool(field.primary_key),
                "has_server_default": False,
                "enum": None,
            }
            for field in options.local_concrete_fields
        ]
        tables.append({"name": options.db_table, "schema": None, "columns": columns})
    return tables


def _loaded(roots):
    files = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if (
            file
            and "site-packages" not in file
            and any(os.path.abspath(file).startswith(root + os.sep) for root in roots)
        ):
            files.add(os.path.abspath(file))
    return sorted(files)


if __name__ == "__main__":
    main()
