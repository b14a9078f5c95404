"""What a session costs, to be selected beside it: its CDRs together, since one cut at a month's end has several."""

from typing import Any

from sqlalchemy import ColumnElement, Label, func, select

from .schema import cdr, session


def session_cost(*conditions: ColumnElement[bool]) -> tuple[Label[Any], Label[Any]]:
    """Return the columns `gross_minor` and `currency` for a select of sessions; both null where there is no CDR."""
    of_session = cdr.c.session_id == session.c.session_id, *conditions
    gross, currency = (
        select(value).where(*of_session).correlate(session).scalar_subquery()
        for value in (func.sum(cdr.c.gross_minor), func.max(cdr.c.currency))
    )
    return gross.label("gross_minor"), currency.label("currency")
