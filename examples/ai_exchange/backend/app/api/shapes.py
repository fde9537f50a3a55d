"""What travels over the wire. Enums travel by name."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, PlainSerializer

from app.models import Kind, ProfessionalRole

T = TypeVar("T")


def _named(kind: type) -> Any:
    def read(value: object) -> object:
        if isinstance(value, str):
            if value not in kind.__members__:
                raise ValueError(f"must be one of {', '.join(kind.__members__)}")
            return kind[value]
        return value

    return Annotated[kind, BeforeValidator(read), PlainSerializer(lambda value: value.name, return_type=str)]


KindName = _named(Kind)
RoleName = _named(ProfessionalRole)


class Shape(BaseModel):
    model_config = ConfigDict(from_attributes=True, str_strip_whitespace=True)


class AuthorOut(Shape):
    id: int
    full_name: str
    professional_role: RoleName


class UserOut(AuthorOut):
    email: str
    created_at: datetime


class Registration(Shape):
    email: EmailStr
    password: str = Field(min_length=10, max_length=200)
    full_name: str = Field(min_length=2, max_length=120)
    professional_role: RoleName


class Login(Shape):
    email: str
    password: str


class Token(Shape):
    access_token: str
    token_type: str = "bearer"
    expires_in: int


class Profile(Shape):
    full_name: str | None = Field(None, min_length=2, max_length=120)
    professional_role: RoleName | None = None


class ResourceIn(Shape):
    kind: KindName
    title: str = Field(min_length=3, max_length=200)
    summary: str = Field(min_length=3, max_length=500)
    body: str = Field("", max_length=50_000)
    url: str | None = Field(None, max_length=2_000, pattern=r"^https?://")
    tags: list[str] = Field(default_factory=list, max_length=10)


class ResourceChange(Shape):
    kind: KindName | None = None
    title: str | None = Field(None, min_length=3, max_length=200)
    summary: str | None = Field(None, min_length=3, max_length=500)
    body: str | None = Field(None, max_length=50_000)
    url: str | None = Field(None, max_length=2_000, pattern=r"^https?://")
    tags: list[str] | None = Field(None, max_length=10)


class ResourceOut(Shape):
    id: int
    kind: KindName
    title: str
    summary: str
    body: str
    url: str | None
    tags: list[str]
    author: AuthorOut
    created_at: datetime
    updated_at: datetime
    comment_count: int


class CommentIn(Shape):
    body: str = Field(min_length=1, max_length=5_000)


class CommentOut(Shape):
    id: int
    body: str
    author: AuthorOut
    created_at: datetime


class Page(Shape, Generic[T]):
    items: list[T]
    total: int
    page: int
    size: int
    pages: int


def page_of(items: list[Any], total: int, page: int, size: int) -> dict[str, Any]:
    return {"items": items, "total": total, "page": page, "size": size, "pages": max(1, -(-total // size))}
