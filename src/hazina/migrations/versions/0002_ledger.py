"""The ledger: tables, the function that posts, the guards. The SQL stands in ``sql/0002_ledger``."""

from pathlib import Path
from typing import Any

from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None

PARTS = Path(__file__).parent.parent / "sql" / "0002_ledger"


def upgrade() -> None:
    # By the driver itself: SQLAlchemy would take array slices such as [a:z] for parameters.
    driver: Any = op.get_bind().connection.driver_connection
    for part in sorted(PARTS.glob("*.sql")):
        driver.execute(part.read_text(encoding="utf-8"), prepare=False)


def downgrade() -> None:
    op.execute("drop schema ledger cascade")
