"""What criteria that are only tried out would have decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of shadow evaluations."""
    op.create_table('shadow_evaluations',
        sa.Column('tenant', sa.Text(), nullable=False),
        sa.Column('guidance', sa.Text(), nullable=False),
        sa.Column('criteria', sa.Text(), nullable=False),
        sa.Column('patient', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('level', sa.Text(), nullable=True),
        sa.Column('orders', sa.Text(), nullable=False),
        sa.Column('changes', sa.Text(), nullable=False),
        sa.Column('differs', sa.Boolean(), nullable=False),
        sa.Column('error', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('tenant', 'guidance', 'criteria', name=op.f('pk_shadow_evaluations'))
        )


def downgrade() -> None:
    """Forget them."""
    op.drop_table('shadow_evaluations')
