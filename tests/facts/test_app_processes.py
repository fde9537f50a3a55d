"""Which of the project's processes hold its code."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.commands import parse
from unstale.layer import Standing

SPAWNED = "python -c from multiprocessing.spawn import spawn_main; spawn_main(pipe_handle=7)"
START = datetime(2026, 11, 24, tzinfo=UTC)


def process(line: str, *, role: str = "", pid: int = 10, ports: tuple[int, ...] = ()) -> AppProcess:
    """Return the process that the line starts; every other is a worker of process 10."""
    command = parse(tuple(line.split()))
    return AppProcess(
        pid=pid,
        ticks=1,
        ppid=1,
        started_at=START.replace(minute=pid),
        role=role or command.role,
        program=command.program,
        app=command.app,
        reload=command.reload,
        command=line,
        cwd="/srv/shop",
        cwd_gone=False,
        prefix=None,
        ports=ports,
        owner="detached",
        standing=Standing.OURS,
        leader=10,
        uid=0,
        backend=None,
    )


def loading(*processes: AppProcess) -> list[int]:
    return [each.pid for each in AppProcesses(seen_at=START, processes=processes).loading_code()]


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ("python /v/bin/uvicorn app.main:app", True),
        ("python /v/bin/celery -A app.worker worker", True),
        ("python /v/bin/rq worker", False),
        ("python /v/bin/rq worker --worker-class rq.SimpleWorker", True),
        ("node /p/node_modules/.bin/next start", False),
        ("node /p/node_modules/.bin/react-scripts start", False),
        ("node /p/node_modules/.bin/vite", False),
    ],
)
def test_process_that_keeps_the_apps_code_is_judged(line: str, *, holds: bool) -> None:
    assert loading(process(line)) == ([10] if holds else [])


def test_pool_of_a_server_does_not_stand_for_it_and_its_workers_do() -> None:
    server = process("python /v/bin/uvicorn app.main:app --workers 2")
    child = process(SPAWNED, role="worker", pid=11)
    assert loading(server, child) == [10]
    assert loading(server, process(SPAWNED, role="worker", pid=11, ports=(8000,)), child) == [11]
