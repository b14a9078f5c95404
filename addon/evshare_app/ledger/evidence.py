"""Meter values signed by the connector, kept in the books as they came, with what checking them came to."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from ..books.accounting_tables import signed_meter_value
from ..books.building import the_building
from ..model import SessionId, to_ms
from . import ocmf

OCMF = "OCMF"


def keep_signed(
    conn: Connection, session_id: SessionId, text: str, public_key: str | None, now: datetime, *, kind: str = OCMF
) -> ocmf.Result:
    """Keep a session's signed text, once, and return what checking it came to; only OCMF can be read here.

    A text that cannot be read is kept as well: it is what the connector sent.
    """
    of_session = signed_meter_value.c.session_id == session_id
    there = conn.scalar(select(signed_meter_value.c.result).where(of_session, signed_meter_value.c.text == text))
    if there is not None:
        return ocmf.Result(there)
    result = ocmf.check(text, public_key)
    place = conn.scalar(select(func.max(signed_meter_value.c.place)).where(of_session)) or 0
    conn.execute(
        insert(signed_meter_value).values(
            building_id=the_building(conn).building_id,
            session_id=session_id,
            place=place + 1,
            format=kind,
            text=text,
            public_key=public_key,
            result=result,
            received_ms=to_ms(now),
        )
    )
    return result
