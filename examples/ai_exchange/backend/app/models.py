"""Users share resources; resources have tags and comments."""

from datetime import UTC, datetime
from enum import Enum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Relationship, SQLModel


class ProfessionalRole(Enum):
    ENGINEER = "Engineer"
    RESEARCHER = "Researcher"
    DESIGNER = "Designer"
    PRODUCT = "Product"
    LEGAL = "Legal"
    OPERATIONS = "Operations"
    MANAGEMENT = "Management"
    OTHER = "Other"


class Kind(Enum):
    REQUEST = "Request"
    USE_CASE = "Use case"
    PROMPT = "Prompt"
    TOOL = "Tool"
    POLICY = "Policy"
    PAPER = "Paper"
    PROJECT = "Project"
    CONFERENCE = "Conference"
    DATASET = "Dataset"


def now() -> datetime:
    return datetime.now(UTC)


class User(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, index=True)
    full_name: str
    password_hash: str
    professional_role: ProfessionalRole = ProfessionalRole.OTHER
    created_at: datetime = Field(default_factory=now)


class ResourceTag(SQLModel, table=True):
    __tablename__ = "resource_tag"

    resource_id: int = Field(foreign_key="resource.id", primary_key=True, ondelete="CASCADE")
    tag_id: int = Field(foreign_key="tag.id", primary_key=True, ondelete="CASCADE")


class Tag(SQLModel, table=True):
    __table_args__ = (UniqueConstraint("name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(index=True)


class Resource(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    kind: Kind = Field(index=True)
    title: str
    summary: str
    body: str
    url: str | None = None
    author_id: int = Field(foreign_key="user.id", index=True)
    created_at: datetime = Field(default_factory=now, index=True)
    updated_at: datetime = Field(default_factory=now)

    author: User = Relationship()
    tags: list[Tag] = Relationship(link_model=ResourceTag)
    comments: list["Comment"] = Relationship(back_populates="resource", cascade_delete=True)


class Comment(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    resource_id: int = Field(foreign_key="resource.id", index=True, ondelete="CASCADE")
    author_id: int = Field(foreign_key="user.id")
    body: str
    created_at: datetime = Field(default_factory=now)

    author: User = Relationship()
    resource: Resource = Relationship(back_populates="comments")
