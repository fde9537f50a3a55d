"""The app: API, health, and the built front end."""

from pathlib import Path

from fastapi import FastAPI
from sqlmodel import SQLModel
from unstale_health.fastapi import health_router
from unstale_health.static import FrontEnd

from app.api import auth, comments, meta, resources
from app.database import engine
from app.settings import get_settings

ALEMBIC = str(Path(__file__).parent.parent / "alembic.ini")

app = FastAPI(title=get_settings().name)
for module in (auth, resources, comments, meta):
    app.include_router(module.router)
app.include_router(health_router(engine=engine, metadata=SQLModel.metadata, alembic_ini=ALEMBIC))
app.mount("/", FrontEnd(directory=get_settings().frontend_dist))
