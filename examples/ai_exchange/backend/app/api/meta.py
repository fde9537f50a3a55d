"""What the interface needs to know before anything is asked."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import func
from sqlmodel import col, select

from app.models import Kind, ProfessionalRole, Resource, ResourceTag, Tag, User
from app.security import Database
from app.settings import get_settings

router = APIRouter(prefix="/api", tags=["meta"])


@router.get("/meta")
def meta(database: Database) -> dict[str, Any]:
    counted = database.exec(select(Resource.kind, func.count()).group_by(col(Resource.kind)))
    counts = {kind.name: count for kind, count in counted}
    return {
        "name": get_settings().name,
        "kinds": [{"value": each.name, "label": each.value, "count": counts.get(each.name, 0)} for each in Kind],
        "professional_roles": [{"value": each.name, "label": each.value} for each in ProfessionalRole],
        "resources": sum(counts.values()),
        "members": database.exec(select(func.count()).select_from(User)).one(),
        "allowed_domains": get_settings().domains,
    }


@router.get("/tags")
def tags(database: Database) -> list[dict[str, Any]]:
    count = func.count(col(ResourceTag.resource_id))
    rows = database.exec(select(Tag.name, count).join(ResourceTag).group_by(Tag.name).order_by(count.desc(), Tag.name))
    return [{"name": name, "count": number} for name, number in rows]
