"""Resources: search, share, change."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from app.api.shapes import KindName, Page, ResourceChange, ResourceIn, ResourceOut, page_of
from app.models import Comment, Resource, ResourceTag, Tag, User, now
from app.security import CurrentUser, Database

router = APIRouter(prefix="/api/resources", tags=["resources"])

_COMMENTS = select(func.count()).where(Comment.resource_id == Resource.id).correlate(Resource).scalar_subquery()
_ORDERS: dict[str, tuple[Any, ...]] = {
    "newest": (col(Resource.created_at).desc(), col(Resource.id).desc()),
    "oldest": (col(Resource.created_at), col(Resource.id)),
    "title": (func.lower(Resource.title), col(Resource.id)),
    "discussed": (_COMMENTS.desc(), col(Resource.id).desc()),
}


@router.get("")
def search(
    database: Database,
    q: str = "",
    kind: KindName | None = None,
    tag: str = "",
    author: int | None = None,
    sort: Literal["newest", "oldest", "title", "discussed"] = "newest",
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 12,
) -> Page[ResourceOut]:
    conditions: list[Any] = [_matches(word) for word in q.split()]
    if kind is not None:
        conditions.append(Resource.kind == kind)
    if tag:
        conditions.append(col(Resource.id).in_(_tagged(Tag.name == tag.lower())))
    if author is not None:
        conditions.append(Resource.author_id == author)
    total = database.exec(select(func.count()).select_from(Resource).where(*conditions)).one()
    chosen = select(Resource).where(*conditions).order_by(*_ORDERS[sort]).offset((page - 1) * size).limit(size)
    items = [shape(database, each) for each in database.exec(chosen)]
    return Page[ResourceOut].model_validate(page_of(items, total, page, size))


@router.post("", status_code=201)
def share(asked: ResourceIn, user: CurrentUser, database: Database) -> ResourceOut:
    resource = Resource(
        kind=asked.kind, title=asked.title, summary=asked.summary, body=asked.body, url=asked.url, author_id=user.id or 0
    )
    resource.tags = tags_of(database, asked.tags)
    database.add(resource)
    database.commit()
    return shape(database, resource)


@router.get("/{resource_id}")
def read(resource_id: int, database: Database) -> ResourceOut:
    return shape(database, _found(database, resource_id))


@router.patch("/{resource_id}")
def change(resource_id: int, asked: ResourceChange, user: CurrentUser, database: Database) -> ResourceOut:
    resource = _own(database, resource_id, user)
    for name in asked.model_fields_set - {"tags"}:
        setattr(resource, name, getattr(asked, name))
    if asked.tags is not None:
        resource.tags = tags_of(database, asked.tags)
    resource.updated_at = now()
    database.add(resource)
    database.commit()
    return shape(database, resource)


@router.delete("/{resource_id}", status_code=204)
def remove(resource_id: int, user: CurrentUser, database: Database) -> None:
    database.delete(_own(database, resource_id, user))
    database.commit()


def shape(database: Session, resource: Resource) -> ResourceOut:
    count = database.exec(select(func.count()).where(Comment.resource_id == resource.id)).one()
    fields = resource.model_dump() | {"tags": sorted(tag.name for tag in resource.tags), "author": resource.author}
    return ResourceOut.model_validate(fields | {"comment_count": count}, from_attributes=True)


def tags_of(database: Session, names: list[str]) -> list[Tag]:
    wanted = list(dict.fromkeys(name.strip().lower()[:40] for name in names if name.strip()))
    known = {tag.name: tag for tag in database.exec(select(Tag).where(col(Tag.name).in_(wanted)))}
    return [known.get(name) or Tag(name=name) for name in wanted]


def _matches(word: str) -> Any:
    like = f"%{word}%"
    texts = (Resource.title, Resource.summary, Resource.body)
    return or_(*(col(text).ilike(like) for text in texts), col(Resource.id).in_(_tagged(col(Tag.name).ilike(like))))


def _tagged(condition: Any) -> Any:
    return select(ResourceTag.resource_id).join(Tag).where(condition)


def _found(database: Session, resource_id: int) -> Resource:
    resource = database.get(Resource, resource_id)
    if resource is None:
        raise HTTPException(404, "There is no such resource.")
    return resource


def _own(database: Session, resource_id: int, user: User) -> Resource:
    resource = _found(database, resource_id)
    if resource.author_id != user.id:
        raise HTTPException(403, "Only its author may change a resource.")
    return resource
