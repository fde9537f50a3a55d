"""What the small project is written as: an app, its migrations."""

APP = """\
import sqlite3
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
def rows():
    with sqlite3.connect("app.db", timeout=10) as db:
        return {"rows": db.execute("SELECT count(*) FROM note").fetchone()[0], "code": "one"}
"""
HOLDING = """\
import sqlite3
from fastapi import FastAPI
app = FastAPI()
db = sqlite3.connect("app.db", timeout=10, check_same_thread=False, isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
@app.get("/")
def rows():
    return {"rows": db.execute("SELECT count(*) FROM note").fetchone()[0], "code": "one"}
"""
ENV = """\
from alembic import context
from sqlalchemy import create_engine
with create_engine("sqlite:///./app.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""
FIRST = """\
from alembic import op
revision = "a"
down_revision = None
def upgrade(): op.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
"""
SECOND = """\
from alembic import op
revision = "b"
down_revision = "a"
def upgrade():
    op.execute("ALTER TABLE note ADD COLUMN author TEXT")
    op.execute("UPDATE note SET author = 'unknown'")
    op.execute("CREATE INDEX ix_author ON note (author)")
"""
