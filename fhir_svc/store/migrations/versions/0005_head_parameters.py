"""Status and patient are looked for in the head rows, which have always held them: their search rows are superfluous."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


ROWS = "DELETE FROM search WHERE field LIKE '%.status' OR field LIKE '%.subject' OR field LIKE '%.patient'"


def upgrade() -> None:
    """Drop them. Processes of the former release, which still look for them, must have been stopped."""
    op.execute(ROWS)


def downgrade() -> None:
    """Make them again of the head rows."""
    op.execute(ROWS)  # of a process that was not stopped
    op.execute(
        "INSERT INTO search (tenant, field, value, system, low, high, resource) "
        "SELECT tenant, type || '.status', status, '', 0, 0, key FROM resources WHERE status IS NOT NULL"
    )
    named = "CASE WHEN type IN ('Device', 'AllergyIntolerance', 'DetectedIssue') THEN 'patient' ELSE 'subject' END"
    op.execute(
        "INSERT INTO search (tenant, field, value, system, low, high, resource) "
        f"SELECT tenant, type || '.' || {named}, patient, 'Patient', 0, 0, key FROM resources "  # noqa: S608 - no input
        "WHERE patient IS NOT NULL AND type <> 'Patient'"
    )
