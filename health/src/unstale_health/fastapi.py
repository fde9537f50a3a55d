"""Health routes for FastAPI: two lines in the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from fastapi import APIRouter, Response

from unstale_health.core import ALIVE, HEADERS, Answer, DatabaseHealth
from unstale_health.schema import schema_probe

if TYPE_CHECKING:
    from sqlalchemy import Engine, MetaData


def health_router(
    *, engine: Engine, metadata: Optional[MetaData] = None, alembic_ini: Optional[str] = None
) -> APIRouter:
    """Return /health (alive, no I/O) and /health/db (200 current, 503 outdated or unreachable)."""
    router = APIRouter(tags=["health"])
    database = DatabaseHealth(schema_probe(engine, metadata=metadata, alembic_ini=alembic_ini))

    @router.api_route(
        "/health", methods=["GET", "HEAD"], operation_id="health", include_in_schema=False
    )
    async def alive() -> Response:
        return _response(ALIVE)

    @router.api_route(
        "/health/db", methods=["GET", "HEAD"], operation_id="health_db", include_in_schema=False
    )
    def of_database() -> Response:
        return _response(database.answer())

    return router


def _response(answer: Answer) -> Response:
    return Response(answer.content, answer.status, HEADERS)
