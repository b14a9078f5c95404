"""A month closed by the steps of the office's close, in one transaction; what follows issuing is `closing.py`'s."""

from datetime import datetime

from sqlalchemy import Connection

from evshare_app.model import Month, StatementId
from evshare_app.statement.close import CloseRefused, approve, issue_next, preview_month, reasons_against, set_step
from evshare_app.statement.findings import DONE


def close_month(conn: Connection, month: Month, actor: str, now: datetime, ledger_key: str = "") -> list[StatementId]:
    """Approve a month as it is and issue its statements; return their ids in order. Raises `CloseRefused`."""
    reasons = reasons_against(conn, month, now)
    if reasons:
        raise CloseRefused(reasons)
    approve(conn, month, preview_month(conn, month, now).fingerprint, actor, now)
    issued = []
    while (made := issue_next(conn, month, now, ledger_key)) is not None:
        issued.append(made)
    set_step(conn, month, DONE, now)
    return issued
