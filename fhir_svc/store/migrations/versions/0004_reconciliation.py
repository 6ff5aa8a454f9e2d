"""When each order is to be looked for in the EHR again; what is wrong with a process that works all the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Look for the orders that were delivered before, too."""
    op.add_column("deliveries", sa.Column("check_at", sa.BigInteger(), nullable=True))
    op.add_column("deliveries", sa.Column("lost", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_deliveries_check", "deliveries", ["tenant", "check_at"])
    op.execute("UPDATE deliveries SET check_at = at WHERE local LIKE 'ServiceRequest/%'")
    op.add_column("workers", sa.Column("trouble", sa.Text(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("workers", "trouble")
    op.drop_index("ix_deliveries_check", "deliveries")
    op.drop_column("deliveries", "lost")
    op.drop_column("deliveries", "check_at")
