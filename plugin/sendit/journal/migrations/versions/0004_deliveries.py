"""What of a batch goes to which destination."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("modalities", sa.JSON(none_as_null=True), nullable=True))
