import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parent.parent
os.environ["SECRET_KEY"] = secrets.token_urlsafe(48)
os.environ["ARGON2_ROUNDS"] = "1"


def migrate(path: Path, revision: str = "head") -> None:
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{path}"}
    subprocess.run([sys.executable, "-m", "alembic", "upgrade", revision], cwd=BACKEND, env=env, check=True)


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator["TestClient"]:  # noqa: F821
    path = tmp_path_factory.mktemp("data") / "test.db"
    os.environ["DATABASE_URL"] = f"sqlite:///{path}"
    migrate(path)
    sys.path.insert(0, str(BACKEND))
    from fastapi.testclient import TestClient
    from sqlmodel import Session

    from app.database import engine
    from app.main import app
    from app.seed import seed

    with Session(engine) as session:
        assert seed(session) == 24
        assert seed(session) == 0
    yield TestClient(app)
    engine.dispose()


@pytest.fixture
def ada(client) -> dict[str, str]:
    login = {"email": "ada@example.org", "password": "correct horse battery"}
    return {"Authorization": f"Bearer {client.post('/api/auth/login', json=login).json()['access_token']}"}
