"""Each user has a professional role."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROLES = ("ENGINEER", "RESEARCHER", "DESIGNER", "PRODUCT", "LEGAL", "OPERATIONS", "MANAGEMENT", "OTHER")


def upgrade() -> None:
    column = sa.Column("professional_role", sa.Enum(*ROLES, name="professionalrole"), nullable=False, server_default="OTHER")
    op.add_column("user", column)


def downgrade() -> None:
    with op.batch_alter_table("user") as table:
        table.drop_column("professional_role")
