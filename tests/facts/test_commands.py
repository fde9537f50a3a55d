"""What a command line starts."""

from __future__ import annotations

import pytest

from unstale.facts.commands import parse


@pytest.mark.parametrize(
    ("line", "role", "program", "app"),
    [
        ("python /v/bin/celery -A app.worker worker -l info", "job", "celery", "app.worker"),
        ("python -m celery --app shop worker", "job", "celery", "shop"),
        ("python /v/bin/celery -A app.worker inspect ping", "other", "celery", "app.worker"),
        ("python /v/bin/gunicorn --bind unix:shop.sock wsgi:app", "server", "gunicorn", "wsgi:app"),
        (
            "python /v/bin/gunicorn -c python:app.conf app.main:app",
            "server",
            "gunicorn",
            "app.main:app",
        ),
        ("python /v/bin/gunicorn -b fd://3 app.main:app", "server", "gunicorn", "app.main:app"),
        ("python /v/bin/uvicorn auth:app --port 8001", "server", "uvicorn", "auth:app"),
        ("node /p/node_modules/.bin/react-scripts start", "dev", "react-scripts", None),
        ("node /p/node_modules/.bin/next start", "server", "next", None),
        ("node /p/node_modules/.bin/next dev", "dev", "next", None),
        ("node /p/node_modules/.bin/vite build", "other", "vite", None),
        ("python -B -X dev -m uvicorn app.main:app", "server", "uvicorn", "app.main:app"),
        ("python -i -m app", "other", "python", None),
    ],
)
def test_command_line_is_read(line: str, role: str, program: str, app: str | None) -> None:
    found = parse(tuple(line.split()))
    assert (found.role, found.program, found.app) == (role, program, app)
