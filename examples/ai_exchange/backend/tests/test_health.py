"""The line that operators use, against the real server, in both outcomes."""

import os
import socket
import subprocess
import sys
import time

import pytest

from conftest import BACKEND, migrate


@pytest.mark.parametrize(("revision", "said", "status"), [("head", "healthy", "200"), ("0001", "unhealthy", "503")])
def test_curl_and_jq_tell_the_truth(tmp_path, revision, said, status):
    migrate(tmp_path / "app.db", revision)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/app.db"}
    argv = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port), "--log-level", "warning"]
    server = subprocess.Popen(argv, cwd=BACKEND, env=env)
    url = f"http://localhost:{port}/health/db"
    try:
        deadline = time.monotonic() + 20
        while subprocess.run(["curl", "-s", "-o", os.devnull, url]).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        told = subprocess.run(f"curl -s {url} | jq -r .status", shell=True, capture_output=True, text=True, check=True)
        assert told.stdout.strip() == said
        code = subprocess.check_output(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", url], text=True)
        assert code == status
    finally:
        server.terminate()
        server.wait(10)
