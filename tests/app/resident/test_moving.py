"""What moving out takes from a resident, and from nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Table, insert, select

from evshare_app.books import access_tables as access
from evshare_app.books.schema import device, invite
from evshare_app.model import ResidentId, to_ms
from evshare_app.resident.moving import cards_left_behind, move_out_those_due
from evshare_app.resident.people import blocked_residents, person, set_blocked, set_moves
from tests.app.statement.lindenhof import BUILDING

NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
JANA, TIMO = ResidentId("jana"), ResidentId("timo")


def furnish(conn: Connection, whose: ResidentId) -> None:
    own = {"building_id": BUILDING, "resident_id": whose}
    rows: list[tuple[Table, dict[str, Any]]] = [
        (
            device,
            {
                "device_id": f"d-{whose}",
                "token_mac": whose,
                "label": "",
                "created_ms": 0,
                "seen_ms": 0,
                "expires_ms": 9,
            },
        ),
        (invite, {"token_hash": whose, "created_ms": 0, "expires_ms": 9}),
        (
            access.passkey,
            {"credential_id": whose, "label": "", "public_key": b"", "sign_count": 0, "backed_up": 0, "created_ms": 0},
        ),
        (
            access.push_subscription,
            {
                "endpoint_hash": whose,
                "device_id": f"d-{whose}",
                "endpoint": "",
                "p256dh": "",
                "auth": "",
                "created_ms": 0,
            },
        ),
        (
            access.guest_pass,
            {
                "pass_id": f"p-{whose}",
                "token_hash": whose,
                "label": "",
                "made_by": "office:u1",
                "payer": "host",
                "uses": 1,
                "created_ms": 0,
                "expires_ms": 9,
            },
        ),
        (
            access.stall_tag,
            {
                "tag_id": f"t-{whose}",
                "uid_mac": whose,
                "purpose": "card",
                "label": "",
                "last_counter": 0,
                "added_ms": 0,
            },
        ),
        (access.waiting, {"waiting_id": f"w-{whose}", "joined_ms": 0, "state": "waiting"}),
        (access.card, {"card_id": f"c-{whose}", "label": "", "blocked": 0, "weak": 0, "added_ms": 0}),
    ]
    for table, values in rows:
        conn.execute(insert(table).values(**own, **values))


@pytest.fixture
def moved(conn: Connection) -> Connection:
    furnish(conn, JANA)
    furnish(conn, TIMO)
    set_moves(conn, JANA, None, NOW)
    set_moves(conn, TIMO, None, NOW + timedelta(milliseconds=1))
    return conn


def test_who_is_due_loses_what_lets_people_in(moved: Connection) -> None:
    assert move_out_those_due(moved, NOW) == [JANA]
    out = moved.execute(select(device).where(device.c.resident_id == JANA)).one()
    assert (out.revoked_ms, out.revoked_why) == (to_ms(NOW), "moved_out")
    assert (
        moved.scalar(select(access.guest_pass.c.revoked_ms).where(access.guest_pass.c.pass_id == "p-jana")) is not None
    )
    assert moved.scalar(select(access.waiting.c.state).where(access.waiting.c.waiting_id == "w-jana")) == "left"
    there = select(access.stall_tag.c.tag_id).where(access.stall_tag.c.removed_ms.is_(None))
    assert list(moved.scalars(there)) == ["t-timo"]
    for table in (invite, access.passkey, access.push_subscription):
        assert list(moved.scalars(select(table.c.resident_id))) == ["timo"]
    assert cards_left_behind(moved, NOW) == ["c-jana"]


def test_who_is_not_due_keeps_everything(moved: Connection) -> None:
    move_out_those_due(moved, NOW)
    assert moved.scalar(select(device.c.revoked_ms).where(device.c.resident_id == TIMO)) is None
    assert moved.scalar(select(access.guest_pass.c.revoked_ms).where(access.guest_pass.c.pass_id == "p-timo")) is None
    assert moved.scalar(select(access.waiting.c.state).where(access.waiting.c.waiting_id == "w-timo")) == "waiting"


def test_moving_out_again_changes_nothing(moved: Connection) -> None:
    move_out_those_due(moved, NOW)
    move_out_those_due(moved, NOW + timedelta(microseconds=1))
    assert moved.scalar(select(device.c.revoked_ms).where(device.c.resident_id == JANA)) == to_ms(NOW)


@pytest.mark.parametrize(
    ("moved_in", "moves_out", "here", "blocked"),
    [
        (None, None, True, False),
        (NOW, None, True, False),
        (NOW + timedelta(seconds=1), None, True, True),
        (None, NOW + timedelta(seconds=1), True, False),
        (None, NOW, False, True),
    ],
)
def test_dates_decide_who_is_here_and_who_may_start(
    conn: Connection, moved_in: datetime | None, moves_out: datetime | None, here: bool, blocked: bool
) -> None:
    set_moves(conn, JANA, moved_in, moves_out)
    assert person(conn, JANA).here(NOW) is here
    assert (blocked_residents(conn, NOW) == [JANA]) is blocked


def test_whom_the_manager_blocked_stays_blocked_whatever_the_dates_say(conn: Connection) -> None:
    set_blocked(conn, JANA, NOW)
    set_moves(conn, JANA, NOW - timedelta(days=1), None)
    assert blocked_residents(conn, NOW) == [JANA]
