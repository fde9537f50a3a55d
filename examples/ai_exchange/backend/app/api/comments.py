"""Comments on resources."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import func
from sqlmodel import col, select

from app.api.shapes import CommentIn, CommentOut, Page, page_of
from app.models import Comment, Resource
from app.security import CurrentUser, Database

router = APIRouter(prefix="/api", tags=["comments"])


@router.get("/resources/{resource_id}/comments")
def listed(
    resource_id: int,
    database: Database,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page[CommentOut]:
    of_it = Comment.resource_id == resource_id
    total = database.exec(select(func.count()).select_from(Comment).where(of_it)).one()
    chosen = select(Comment).where(of_it).order_by(col(Comment.created_at), col(Comment.id))
    items = [CommentOut.model_validate(each) for each in database.exec(chosen.offset((page - 1) * size).limit(size))]
    return Page[CommentOut].model_validate(page_of(items, total, page, size))


@router.post("/resources/{resource_id}/comments", status_code=201)
def write(resource_id: int, asked: CommentIn, user: CurrentUser, database: Database) -> CommentOut:
    if database.get(Resource, resource_id) is None:
        raise HTTPException(404, "There is no such resource.")
    comment = Comment(resource_id=resource_id, author_id=user.id or 0, body=asked.body)
    database.add(comment)
    database.commit()
    return CommentOut.model_validate(comment)


@router.delete("/comments/{comment_id}", status_code=204)
def remove(comment_id: int, user: CurrentUser, database: Database) -> None:
    comment = database.get(Comment, comment_id)
    if comment is None:
        raise HTTPException(404, "There is no such comment.")
    if comment.author_id != user.id:
        raise HTTPException(403, "Only its author may remove a comment.")
    database.delete(comment)
    database.commit()
