"""PostgreSQL URLs in SQLAlchemy's form to libpq's variables.

The form: sqlalchemy/engine/url.py, _parse_url. The variables:
https://www.postgresql.org/docs/current/libpq-envars.html.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

_URL = re.compile(
    r"""postgres(?:ql)?(?:\+\w+)?://
        (?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?
        (?:(?:\[(?P<ipv6>[^/?]+)\]|(?P<host>[^/:?]+))?(?::(?P<port>[^/?]*))?)?
        (?:/(?P<name>[^?]*))?(?:\?(?P<query>.*))?""",
    re.VERBOSE,
)
_QUERY = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
    "dbname": "PGDATABASE", "database": "PGDATABASE", "sslmode": "PGSSLMODE", "ssl": "PGSSLMODE",
    "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslrootcert": "PGSSLROOTCERT", "options": "PGOPTIONS",
    "gssencmode": "PGGSSENCMODE", "channel_binding": "PGCHANNELBINDING", "passfile": "PGPASSFILE",
}  # fmt: skip  # a table


def variables(url: str) -> dict[str, str] | None:
    """Return libpq's variables for the URL, the password among them; None for another kind of URL.

    >>> variables("postgresql+psycopg://app@db:5433/shop?sslmode=require")
    {'PGSSLMODE': 'require', 'PGHOST': 'db', 'PGPORT': '5433', 'PGDATABASE': 'shop', 'PGUSER': 'app'}
    """
    found = _URL.fullmatch(url.strip())
    if found is None:
        return None
    asked = dict(parse_qsl(found["query"] or ""))
    said = {name: value for key, value in asked.items() if (name := _QUERY.get(key))}
    parts = {
        "PGHOST": found["ipv6"] or found["host"],
        "PGPORT": found["port"],
        "PGDATABASE": found["name"] and unquote(found["name"]),
        "PGUSER": found["user"] and unquote(found["user"]),
        "PGPASSWORD": found["password"] and unquote(found["password"]),
    }
    return {**said, **{name: value for name, value in parts.items() if value}}
