"""A house with all that a page can show: past months, a statement, rules, refusals, sun, a price by the hour."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from evshare_app.model import ResidentId
from evshare_app.resident.notices import note
from evshare_app.resident.pass_making import Wanted, make_pass
from evshare_app.resident.passes import Payer
from evshare_app.resident.people import set_contact
from evshare_app.resident.rules import Hours, Rule, set_rule
from evshare_app.resident.waiting import join
from evshare_app.tariff.store import add_version
from tests.app.house import (
    NOW,
    Browser,
    Furnished,
    House,
    Integration,
    free_stall,
    lindenhof,
    live_session,
    plugged_stall,
    rfc3339,
    role_admin,
    stall,
)
from tests.app.office.telling import told_card, told_unknown

PASS_ID, CRAFTSMANS_PASS_ID = "f" * 32, "e" * 32
_TARIFF = {
    "country_code": "XX",
    "party_id": "EVS",
    "id": "day-and-night",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.32, "vat": 19, "step_size": 1}],
            "restrictions": {"start_time": "06:00", "end_time": "22:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": 0.24, "vat": 19, "step_size": 1}]},
        {"price_components": [{"type": "PARKING_TIME", "price": 1.5, "vat": 19, "step_size": 60}]},
    ],
    "last_updated": "2026-01-01T00:00:00Z",
}


async def furnish(house: House, language: str) -> Furnished:
    """Move in: Ada (res-1) and Bo (res-2), three stalls, half a year of charging, June's statements."""
    now = house.clock.now
    integration = house.integration()
    integration.building = lindenhof(
        stalls=[stall(1), stall(2), stall(3, name="Stall 3, behind the bicycles", phases=1)]
    )
    house.clock.now = datetime(2026, 1, 1, tzinfo=UTC)
    integration.decide = role_admin
    await integration.connect()
    office = await house.office(integration)
    furnished = Furnished(
        house=house,
        integration=integration,
        office=office,
        phone=await house.phone(office),
        code=await house.code(office),
    )
    await _set_tariff(house)
    await _set_rules(house)
    _charge_for_months(furnished)
    await integration.deliver()
    house.clock.now = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
    furnished.office = await house.office(integration)
    settings = await furnished.office.get("/office/settings")
    await furnished.office.submit(
        settings,
        "/office/settings",
        payee="WEG Lindenhof",
        iban="DE89370400440532013000",
        address="Lindenstr. 4",
        language=language,
    )
    for month in range(1, 7):
        page = await furnished.office.get(f"/office/month?month=2026-{month:02d}")
        closed = await furnished.office.submit(page, "/office/month/close")
        assert closed.status == 200, closed.text
    house.clock.now = now
    furnished.office = await house.office(integration)
    furnished.phone = await house.phone(furnished.office)
    me = await furnished.phone.get("/me")
    await furnished.phone.submit(me, "/me/language", language=language)
    await _hand_out_cards(furnished)
    tags = await furnished.office.get("/office/tags")
    nfc = {"uid": "04DE5F1EACC040", "for": "resident:res-1", "label": "White NFC card"}
    await furnished.office.submit(tags, "/office/tags", **nfc)
    return furnished


async def _hand_out_cards(furnished: Furnished) -> None:
    night = {"from": "23:00", "to": "06:00"}
    await furnished.integration.cards(
        [
            told_card(1, "res-1", label="Blue key ring", month_wh=250_000, quiet=night, used_at=rfc3339(NOW)),
            told_card(2, "res-1", label="Grandmother’s card", weak=True),
            told_card(3, "res-1", label="", blocked=True),
            told_card(4, "res-2", label="Bo’s"),
        ],
        [told_unknown(1)],
    )
    page = await furnished.office.get("/office/cards/card-1")
    await furnished.office.submit(page, "/office/cards/card-1/money", month_money="60")


async def _set_tariff(house: House) -> None:
    now = house.clock.now
    await house.app.books.write(lambda conn: add_version(conn, _TARIFF, now, now))


async def _set_rules(house: House) -> None:
    rule = Rule(hours=(Hours(days=(1, 2, 3, 4, 5), start="17:00", end="08:00"),), month_wh=80_000, month_minor=4_000)
    await house.app.books.write(
        lambda conn: set_rule(conn, ResidentId("res-1"), rule, "office:Manager", house.clock.now)
    )


def _charge_for_months(furnished: Furnished) -> None:
    integration = furnished.integration
    begin = datetime(2026, 1, 2, 17, 5, tzinfo=UTC)
    for number in range(60):
        start = begin + timedelta(days=3 * number)
        if start > NOW - timedelta(days=1):
            break
        for stall_id, resident_id, later in (("stall-1", "res-1", 0), ("stall-2", "res-2", 1)):
            _evening(integration, stall_id, resident_id, start + timedelta(hours=later), 4 + (number * 7 + later) % 9)
    for days, reason in ((2, "plug_too_old"), (5, "stall_in_use"), (9, "outside_hours"), (11, "unknown_card")):
        body: dict[str, Any] = {"stall_id": "stall-1", "credential_kind": "phone", "reason": reason}
        whose = None if reason == "unknown_card" else "res-1"
        integration.record("denied", NOW - timedelta(days=days), **body, resident_id=whose)
    quarter = NOW - timedelta(minutes=15)
    integration.record(
        "building_slice",
        NOW,
        start=rfc3339(quarter),
        end=rfc3339(NOW),
        import_wh=800,
        export_wh=0,
        pv_wh=1200,
        estimated=False,
    )


def _evening(integration: Integration, stall_id: str, resident_id: str, start: datetime, quarters: int) -> None:
    session_id = integration.begin(stall_id, resident_id, start)
    at, used_wh = start, 0
    for quarter in range(quarters):
        end = datetime.fromtimestamp((at.timestamp() // 900 + 1) * 900, UTC)
        energy_wh = int((end - at).total_seconds() * (11_000 - 900 * (quarter % 4)) / 3600)
        integration.cut(stall_id, session_id, at, end, energy_wh)
        at, used_wh = end, used_wh + energy_wh
    integration.finish(stall_id, session_id, at, used_wh)


async def invite_a_guest(furnished: Furnished) -> Browser:
    """Let Ada make a pass for everything, and return her guest's phone."""
    wanted = Wanted(label="Grandma", stall_ids=None, cap_wh=30_000, cap_minor=2_000, days=5, uses=3, shows_host=True)
    return await _with_pass(furnished, PASS_ID, wanted, "resident:res-1")


async def invite_a_craftsman(furnished: Furnished) -> Browser:
    """Let the manager make a pass the building pays for, charge with it once, and return the craftsman's phone."""
    wanted = Wanted(
        label="Lift repair",
        stall_ids=("stall-2",),
        cap_wh=60_000,
        cap_minor=None,
        days=5,
        uses=9,
        shows_host=False,
        payer=Payer.BUILDING,
    )
    phone = await _with_pass(furnished, CRAFTSMANS_PASS_ID, wanted, "office:Manager")
    integration, begun = furnished.integration, NOW - timedelta(hours=9)
    delivered = len(integration.journal)
    session_id = integration.begin("stall-2", "res-1", begun, kind="pass", credential_id=CRAFTSMANS_PASS_ID)
    integration.cut("stall-2", session_id, begun, begun + timedelta(minutes=15), 2_480)
    integration.finish("stall-2", session_id, begun + timedelta(minutes=15), 2_480)
    await integration.deliver(after=delivered)
    return phone


async def _with_pass(furnished: Furnished, pass_id: str, wanted: Wanted, by: str) -> Browser:
    house = furnished.house
    token = await house.app.books.write(
        lambda conn: make_pass(conn, pass_id, ResidentId("res-1"), wanted, by, house.clock.now)
    )
    guest = house.stranger()
    page = await guest.post("/g", {"token": token or ""})
    assert page.address.startswith("/g?"), page.text
    return guest


# --- how the stalls are ------------------------------------------------------------------------------------------


async def free(furnished: Furnished) -> None:
    """Nobody charges."""
    await furnished.integration.live(free_stall(1), free_stall(2), free_stall(3))


async def plugged(furnished: Furnished) -> None:
    """A car was plugged in at stall 1 a minute ago, another one charges."""
    other = live_session("6" * 32, "res-2", NOW - timedelta(hours=1), energy_wh=9_800)
    await furnished.integration.live(
        plugged_stall(1, NOW - timedelta(minutes=1)),
        plugged_stall(2, NOW - timedelta(hours=1), status="charging", offered_a=16, power_w=10_800, session=other),
        free_stall(3),
    )


async def two_cars(furnished: Furnished) -> None:
    """Cars were plugged in at stalls 1 and 2 at almost the same time."""
    at = NOW - timedelta(minutes=1)
    await furnished.integration.live(plugged_stall(1, at), plugged_stall(2, at - timedelta(seconds=40)), free_stall(3))


async def armed(furnished: Furnished) -> None:
    """Ada started and has not plugged in yet."""
    session = live_session("5" * 32, "res-1", NOW, started_at=None, energy_wh=0)
    await furnished.integration.live(free_stall(1, status="preparing", session=session), free_stall(2), free_stall(3))


async def charging(furnished: Furnished) -> None:
    """Ada charges at stall 1, with fewer amps than the stall could give."""
    begun = NOW - timedelta(minutes=50)
    integration = furnished.integration
    last = integration.journal[-1]
    if last["kind"] == "session_started":
        session_id = last["body"]["session_id"]
    else:
        delivered = len(integration.journal)
        session_id = integration.begin("stall-1", "res-1", begun, kind="phone")
        await integration.deliver(after=delivered)
    session = live_session(session_id, "res-1", begun, energy_wh=5_430)
    await furnished.integration.live(
        plugged_stall(
            1, begun, status="charging", offered_a=10, power_w=6_800, limit_reason="circuit", session=session
        ),
        free_stall(2),
        free_stall(3),
    )


async def taken(furnished: Furnished) -> None:
    """Bo charges at stall 1."""
    session = live_session("6" * 32, "res-2", NOW - timedelta(hours=1), energy_wh=9_800)
    await furnished.integration.live(
        plugged_stall(1, NOW, status="charging", power_w=11_000, session=session), free_stall(2), free_stall(3)
    )


async def crowded(furnished: Furnished) -> None:
    """No stall is free."""
    await furnished.integration.live(
        *(
            plugged_stall(
                number,
                NOW - timedelta(hours=2),
                status="charging",
                offered_a=12,
                power_w=8_000,
                session=live_session(f"{number}" * 32, "res-2", NOW - timedelta(hours=2)),
            )
            for number in (1, 2, 3)
        )
    )


async def lost(furnished: Furnished) -> None:
    """Ada lost a card of hers, and blocked it."""
    await furnished.phone.submit(await furnished.phone.get("/cards"), "/cards/card-2/block")


async def waiting(furnished: Furnished) -> None:
    """No stall is free, and Ada waits in line."""
    await crowded(furnished)
    await furnished.house.app.waiting.join(ResidentId("res-1"))


async def kept(furnished: Furnished) -> None:
    """Stall 1 is kept for Ada."""
    await waiting(furnished)
    await furnished.integration.live(free_stall(1, status="reserved"))
    await furnished.house.app.waiting.look()


async def much_to_see_to(furnished: Furnished) -> None:
    """Stall 1 is kept for Ada, Bo waits, and e-mails do not go out: nobody is where the mail server should be."""
    await kept(furnished)
    now = furnished.house.clock.now

    def wait_and_be_told(conn: Connection) -> None:
        bo = ResidentId("res-2")
        set_contact(conn, bo, "bo@example.org", None)
        if join(conn, bo, now):
            note(conn, bo, "joined", "much-to-see-to", {"number": 1, "stall": "Stall 1"}, now)

    await furnished.house.app.books.write(wait_and_be_told)
    await furnished.house.app.courier.deliver()


async def idle(furnished: Furnished) -> None:
    """Ada's car is full."""
    await charging(furnished)
    session_id = furnished.integration.journal[-1]["body"]["session_id"]
    begun = NOW - timedelta(minutes=50)
    session = live_session(session_id, "res-1", begun, energy_wh=5_430)
    await furnished.integration.live(
        plugged_stall(1, begun, status="suspended_ev", offered_a=16, session=session), free_stall(2), free_stall(3)
    )


async def guest_charging(furnished: Furnished) -> None:
    """Ada's guest charges at stall 1."""
    begun = NOW - timedelta(minutes=20)
    session = live_session(
        "7" * 32, "res-1", begun, credential_kind="pass", credential_id=PASS_ID, cap_wh=30_000, energy_wh=2_500
    )
    stall = plugged_stall(1, begun, status="charging", offered_a=16, power_w=3_600, session=session)
    await furnished.integration.live(stall, free_stall(2), free_stall(3))
