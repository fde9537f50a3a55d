"""Reports made of values alone, one for each thing that a report can show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from unstale.action import Action, Edit, Keep
from unstale.evidence import Evidence
from unstale.fact import Facts
from unstale.finding import Finding, Fresh
from unstale.host import Host
from unstale.layer import Layer, Risk, Severity, State
from unstale.project import Backend, Frontend, Project
from unstale.report import (
    Crashed,
    LayerLine,
    LeftOut,
    NotKnown,
    Proven,
    Report,
    Reported,
    Silenced,
)

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
ROOT = Path("/srv/ai_exchange")
FRESH = {
    Layer.GIT: "main 4f2a91c = origin/main",
    Layer.CONFIG: "backend/.env, 14 keys",
    Layer.ENVIRONMENT: "Python 3.11.7, 71 packages",
    Layer.BYTECODE: "212 .pyc files match",
    Layer.NODE: "412 packages as package-lock.json says",
    Layer.BUILD: "frontend/dist, built from 96 sources",
    Layer.DATABASE: "ai_exchange.db, 16 tables",
    Layer.SCHEMA: "head 3f1d2c4b5a69",
    Layer.PROCESS: "uvicorn 4711 :8000",
    Layer.HTTP: "http://127.0.0.1:8000 200",
}


@dataclass(frozen=True, slots=True)
class Restart(Action):
    """A step that cannot be taken back."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS

    words: str
    lines: tuple[str, ...]

    def title(self) -> str:
        return self.words

    def preview(self) -> tuple[str, ...]:
        return self.lines

    def settled(self, facts: Facts) -> bool:
        raise NotImplementedError

    def apply(self, host: Host, keep: Keep) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Install(Restart):
    """A step that can."""

    undoable: ClassVar[bool] = True


def shows(value: str, source: str) -> Evidence:
    return Evidence(value, source, NOW)


def chain(**worse: tuple[State, str]) -> tuple[LayerLine, ...]:
    """Return every layer: fresh or absent, but those named."""
    usual = {
        layer: (State.FRESH, FRESH[layer]) if layer in FRESH else (State.ABSENT, "")
        for layer in Layer
    }
    return tuple(LayerLine(layer, *worse.get(layer.value, usual[layer])) for layer in Layer)


def report(root: Path = ROOT, **more: Any) -> Report:
    web = Frontend(root / "frontend", "vite", ("npm", "run", "build"), root / "frontend/dist")
    back = Backend(root / "backend", "fastapi")
    project = Project(root, root.name, backends=(back,), frontends=(web,))
    empty = dict.fromkeys(("findings", "proven", "unknown", "skipped", "silenced", "crashed"), ())
    usual = {"project": project, "made_at": NOW, "took_s": 0.412, "layers": chain(), "checked": 27}
    return Report(**{**empty, **usual, **more})


def found(code: str, slug: str, title: str, finding: Finding) -> Reported:
    layer = next(each for each in Layer if code.startswith(each.value))
    return Reported(code, slug, title, layer, finding)


def fresh() -> Report:
    return report()


def proven() -> Report:
    headers = shows("3 of 3 headers match or will be rebuilt", f"find {ROOT} -name '*.pyc'")
    started = shows("started 2026-11-23 21:58:01 UTC", "ps -o lstart= -p 4711")
    process = "process 4711 (uvicorn app.main:app, :8000)"
    return report(
        proven=(
            Proven("PYC001", Layer.BYTECODE, Fresh("212 .pyc files", headers, headers)),
            Proven("ENV008", Layer.ENVIRONMENT, Fresh(process, started, started)),
        )
    )


def stale() -> Report:
    """A root with two consequences, one of which its own fix cures, and a finding beside."""
    prefix = f"{ROOT}/backend/.venv"
    install = Install(
        "install 3 packages as requirements.txt says",
        (f"uv pip install --python {prefix}/bin/python -r {ROOT}/backend/requirements.txt",),
    )
    restart = Restart(
        "restart process 4711",
        ("kill -TERM 4711", f"{prefix}/bin/python -m uvicorn app.main:app --port 8000"),
    )
    lock = found(
        "ENV001",
        "installed_packages_differ_from_the_lock",
        "the installed packages differ from the lock",
        Finding(
            f"environment {prefix}",
            "fastapi 0.115.0, sqlmodel 0.0.22 and pydantic 2.9.2 are installed in other versions than those locked",
            shows("fastapi 0.121.1, sqlmodel 0.0.27, pydantic 2.12.4", "backend/requirements.txt"),
            shows(
                "fastapi 0.115.0, sqlmodel 0.0.22, pydantic 2.9.2",
                f"{prefix}/bin/python -m pip list",
            ),
            install,
        ),
    )
    process = "process 4711 (uvicorn app.main:app, :8000)"
    started = shows("started 2026-11-20 09:12:03 UTC", "ps -o lstart=,args= -p 4711")
    older = found(
        "ENV008",
        "process_predates_its_packages",
        "the process is older than its packages",
        Finding(
            process,
            "starlette 0.49.1, anyio 4.11.0, click 8.3.0, h11 0.16.0 and 12 more: installed while it ran",
            shows(
                "written 2026-11-23 21:40:17 UTC",
                f"find {prefix}/lib/python3.11/site-packages -name RECORD -newermt '2026-11-20 09:12:03 UTC'",
            ),
            started,
            restart,
            proven=False,
            pids=(4711,),
            ports=(8000,),
        ),
    )
    blocked = found(
        "PYC005",
        "installed_copy_hides_the_checkout",
        "an installed copy hides the checkout",
        Finding(
            f"ai_exchange in {prefix}",
            "imports take the copy",
            shows("backend/app", "git ls-files backend/app"),
            shows(".venv/lib/python3.11/site-packages/app", f"{prefix}/bin/python -m pip show app"),
            install,
        ),
    )
    old = found(
        "BLD001",
        "build_is_older_than_its_sources",
        "the build is older than its sources",
        Finding(
            "build frontend/dist",
            "src/pages/Orders.tsx changed since",
            shows("2 of 96 sources changed since the build", "git diff --stat 1f0c2ab -- frontend"),
            shows("built 2026-11-20 09:10:44 UTC", "stat -c %y frontend/dist/index.html"),
            Install("build frontend again", ("npm --prefix frontend run build",)),
            paths=(f"{ROOT}/frontend/src/pages/Orders.tsx",),
        ),
    )
    return report(
        layers=chain(
            ENV=(State.STALE, "Python 3.11.7, 71 packages, 3 of them not as the lock says"),
            PYC=(State.STALE, "212 .pyc files match"),
            BLD=(State.STALE, "frontend/dist, built 2026-11-20 09:10:44 UTC from 96 sources"),
        ),
        findings=(
            lock,
            replace(older, root=lock.id),
            replace(blocked, root=lock.id),
            old,
        ),
    )


def risk() -> Report:
    page = found(
        "HTP001",
        "page_is_cached_by_guess",
        "browsers cache the page by guess",
        Finding(
            "page at http://127.0.0.1:8000",
            "browsers may show the former build without asking",
            shows("no-cache", "curl -sI http://127.0.0.1:8000/"),
            shows("no Cache-Control, no Expires", "curl -sI http://127.0.0.1:8000/"),
            Edit(
                "send Cache-Control: no-cache with HTML",
                ("add_header Cache-Control no-cache;   # in the location that serves index.html",),
            ),
            Severity.RISK,
        ),
    )
    behind = found(
        "GIT002",
        "checkout_is_behind_its_upstream",
        "the checkout is behind its upstream",
        Finding(
            "branch main",
            "2 commits are not here",
            shows("origin/main 9c01d2e", "git log --oneline HEAD..@{u}"),
            shows("main 4f2a91c", "git rev-parse HEAD"),
            severity=Severity.NOTE,
        ),
    )
    return report(
        layers=chain(HTP=(State.RISK, FRESH[Layer.HTTP])), findings=(behind, page), strict=False
    )


def manual() -> Report:
    lines = (
        "--- a/backend/app/routes/health.py",
        "+++ b/backend/app/routes/health.py",
        "@@ -11,9 +11,12 @@",
        " @router.get('/health/db')",
        "-def health_check_db():",
        "+def health_check_db(response: Response):",
        "     try:",
        "         check_schema()",
        "         return {'status': 'healthy', 'database': 'current'}",
        "     except Exception as e:",
        "-        return {'status': 'unhealthy', 'error': str(e)}, 500",
        "+        response.status_code = 500",
        "+        return {'status': 'unhealthy', 'error': str(e)}",
    )
    route = found(
        "HTP012",
        "health_route_lies",
        "a health route says 200 when the app is not well",
        Finding(
            "http://127.0.0.1:8000/health/db",
            "its body says that something is wrong, and its status says that all is well",
            shows("a status of 500 or above", "curl -s -w '%{http_code}' 127.0.0.1:8000/health/db"),
            shows(
                "200 and a JSON array whose second element is 500",
                "curl -s -w '%{http_code}' 127.0.0.1:8000/health/db",
            ),
            Edit("send the status", lines),
        ),
    )
    return report(layers=chain(HTP=(State.STALE, FRESH[Layer.HTTP])), findings=(route,))


def unknown() -> Report:
    docker = "the Docker socket: permission denied for /var/run/docker.sock, which belongs to root:docker"
    join = "Join the group docker, or run: sudo unstale check --only DKR"
    return report(
        layers=chain(
            SCH=(State.UNKNOWN, "backend/app/models.py did not import in 20 s"),
            DKR=(State.UNKNOWN, docker),
            BLD=(State.SKIPPED, "left out by --fast"),
        ),
        unknown=(
            NotKnown(
                "SCH006",
                Layer.SCHEMA,
                "backend/app/models.py did not import in 20 s",
                "time backend/.venv/bin/python -c 'import app.models'",
            ),
            NotKnown("DKR001", Layer.DOCKER, docker, join),
            NotKnown("DKR002", Layer.DOCKER, docker, join),
        ),
        skipped=(LeftOut("BLD001", Layer.BUILD, "--fast"),),
    )


def crashed() -> Report:
    where = "/opt/unstale/lib/python3.11/site-packages/unstale/checks/process/process_runs_older_code.py:71"
    return report(
        layers=chain(PRC=(State.UNKNOWN, "a check crashed")),
        crashed=(Crashed("PRC001", Layer.PROCESS, "KeyError: 4711", where),),
    )


def silenced() -> Report:
    reason = "behind our own proxy, which sets Cache-Control for every page that it passes on to browsers"
    return report(
        silenced=(Silenced("HTP001", reason), Silenced("PRC001", "restarted at night")),
        layers=chain(PRC=(State.ABSENT, "no process of this project runs")),
    )


def long_path() -> Report:
    root = Path("/srv/customers/north-west/production/2026/applications/web/releases/ai_exchange")
    elsewhere = (
        "/var/lib/containers/shared/volumes/ai_exchange-production-database/_data/ai_exchange.db"
    )
    empty = found(
        "DBF016",
        "configured_database_is_empty",
        "the configured database is empty",
        Finding(
            f"database {elsewhere}",
            f"{elsewhere} holds no table, and {root}/backend/ai_exchange.db holds 16",
            shows("16 tables", f"sqlite3 -readonly {root}/backend/ai_exchange.db .tables"),
            shows("no table", f"sqlite3 -readonly {elsewhere} .tables"),
            Restart("run the migrations", (f"alembic -c {root}/backend/alembic.ini upgrade head",)),
        ),
    )
    layers = chain(DBF=(State.STALE, f"{elsewhere}, 0 tables"))
    return report(root, layers=layers, findings=(empty,))


def odd_name() -> Report:
    """A newline, a byte that is no UTF-8, an escape sequence, and what rich would read as markup."""
    root = Path("/srv/od\udcffd\nname")
    path = f"{root}/app/\x1b[31m[red]menu\udce9\nwords.py"
    old = found(
        "PYC003",
        "bytecode_outlives_its_source",
        "bytecode outlives its deleted source",
        Finding(
            f"{path}c",
            f"{path} was deleted",
            shows("no such module", f"ls {path}"),
            shows("a module that imports", f"xxd -l 16 {path}c"),
            Install(f"move {path}c to the trash", (f"mv {path}c /tmp/",)),
            paths=(f"{path}c",),
        ),
    )
    return report(
        root,
        layers=chain(PYC=(State.STALE, f"{path}c")),
        findings=(old,),
        crashed=(Crashed("PRC001", Layer.PROCESS, f"OSError: {path}\nis odd", "check.py:1"),),
        silenced=(Silenced("HTP001", "a reason\nof two lines"),),
    )


ALL: dict[str, Callable[[], Report]] = {
    each.__name__: each
    for each in (
        fresh,
        proven,
        stale,
        risk,
        manual,
        unknown,
        crashed,
        silenced,
        long_path,
        odd_name,
    )
}
