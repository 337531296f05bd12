"""What was decided of the suspects of a search for poison."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "suspect_decision",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("finding_id", sa.String(64), sa.ForeignKey("artefact.id", ondelete="CASCADE"), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("label", sa.Integer()),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("finding_id", "item"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("suspect_decision")
