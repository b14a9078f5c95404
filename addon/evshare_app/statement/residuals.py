"""What divided costs left over, from month to month."""

from sqlalchemy import Connection, func, select

from ..books.accounting_tables import remainder
from ..model import AccountId, Month


def carried(conn: Connection, item_id: str, *, before: Month | None = None) -> dict[AccountId, int]:
    """Return the residuals of an item as its newest month left them, or the newest one before a month."""
    months = select(func.max(remainder.c.month)).where(remainder.c.item_id == item_id)
    newest = (months if before is None else months.where(remainder.c.month < str(before))).scalar_subquery()
    rows = conn.execute(select(remainder).where(remainder.c.item_id == item_id, remainder.c.month == newest))
    return {AccountId(row.account_id): row.residual for row in rows}
