from __future__ import annotations

import pytest

from unstale.redact import hide, mask, mask_words, printable, without_password


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
        ("postgresql://app:hunter2/x@y@db/app", "postgresql://app:***@db/app"),
        ("https://hunter2@git.invalid/x.git", "https://***@git.invalid/x.git"),
        ('{"password": "hunter2"}', '{"password": ***}'),
        ("os.environ['API_KEY']='hunter2'", "os.environ['API_KEY']=***"),
        ("DB_PASS=hunter2", "DB_PASS=***"),
        ("SMTP_PASSPHRASE: hunter2", "SMTP_PASSPHRASE: ***"),
        ("serve --db-pass hunter2", "serve --db-pass ***"),
        ("DBPASS=hunter2 PGPASS=hunter2", "DBPASS=*** PGPASS=***"),
        ("serve --dbpass hunter2", "serve --dbpass ***"),
        ("token: hunter2", "token: ***"),
        ("postgresql://app@db/app", "postgresql://app@db/app"),
        (
            "tokenizers==0.20.1 authlib==1.3.0 keyring==24.0",
            "tokenizers==0.20.1 authlib==1.3.0 keyring==24.0",
        ),
        ("uvicorn auth:app", "uvicorn auth:app"),
        ("gunicorn token_service:app", "gunicorn token_service:app"),
        ("bypass=1 compass=2", "bypass=1 compass=2"),
        ("http://127.0.0.1:5173/@vite/client", "http://127.0.0.1:5173/@vite/client"),
        ("http://[::1]:5173/@vite/client", "http://[::1]:5173/@vite/client"),
        ("KeyError: 'facts'", "KeyError: 'facts'"),
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


def test_secret_words_are_masked_with_their_spaces() -> None:
    words = ("serve", "--password", "my hunter2", "--token=a hunter2", "KEY=b hunter2", "--reload")
    assert mask_words(words) == ("serve", "--password", "***", "--token=***", "KEY=***", "--reload")
    assert mask_words(("python", "-m", "uvicorn", "app.main:app")) == (
        "python",
        "-m",
        "uvicorn",
        "app.main:app",
    )
    assert mask_words(()) == ()


def test_known_values_are_hidden_wherever_they_stand() -> None:
    text = "cannot use hunter2-long on /srv/app:8000"
    assert hide(text, ("hunter2", "hunter2-long", "8000", "/srv/app")) == (
        "cannot use *** on /srv/app:8000"
    )


def test_url_keeps_all_but_its_password() -> None:
    assert without_password("postgresql://app:a/b@c@db/x") == "postgresql://app@db/x"
    assert without_password("sqlite:///./app.db") == "sqlite:///./app.db"
