"""Users, resources, tags and comments."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KINDS = ("REQUEST", "USE_CASE", "PROMPT", "TOOL", "POLICY", "PAPER", "PROJECT", "CONFERENCE", "DATASET")


def upgrade() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("full_name", sa.String, nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_user_email", "user", ["email"], unique=True)
    op.create_table("tag", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String, nullable=False, unique=True))
    op.create_index("ix_tag_name", "tag", ["name"])
    op.create_table(
        "resource",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Enum(*KINDS, name="kind"), nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("summary", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("url", sa.String),
        sa.Column("author_id", sa.Integer, sa.ForeignKey("user.id"), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("updated_at", sa.DateTime, nullable=False),
    )
    for column in ("kind", "author_id", "created_at"):
        op.create_index(f"ix_resource_{column}", "resource", [column])
    op.create_table(
        "resource_tag",
        sa.Column("resource_id", sa.Integer, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tag_id", sa.Integer, sa.ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_table(
        "comment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("resource_id", sa.Integer, sa.ForeignKey("resource.id", ondelete="CASCADE"), nullable=False),
        sa.Column("author_id", sa.Integer, sa.ForeignKey("user.id"), nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_comment_resource_id", "comment", ["resource_id"])


def downgrade() -> None:
    for table in ("comment", "resource_tag", "resource", "tag", "user"):
        op.drop_table(table)
