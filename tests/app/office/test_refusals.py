"""Why somebody was refused, in words."""

from datetime import timedelta

from evshare_app.office.words import DENIALS, WHAT_TO_DO
from tests.app.house import NOW, Furnished
from tests.app.office.telling import told_card

# The reasons of docs/link.md.
REASONS = {
    "unknown_card",
    "blocked_card",
    "card_used_up",
    "card_quiet",
    "which_stall",
    "unknown_resident",
    "blocked_resident",
    "stall_in_use",
    "stall_unavailable",
    "no_plug",
    "plug_too_old",
    "plug_changed",
    "expired",
    "quota",
    "not_allowed",
    "wrong_stall",
    "outside_hours",
    "month_used_up",
    "no_credit",
    "left_in_use",
    "held",
    "app_away",
    "pass_expired",
}


def deny(furnished: Furnished, reason: str, hours: float = 1, **body: object) -> None:
    furnished.integration.record(
        "denied",
        NOW - timedelta(hours=hours),
        **(
            {
                "stall_id": "stall-1",
                "credential_kind": "card",
                "reason": reason,
                "resident_id": None,
                "credential_id": None,
            }
            | body
        ),
    )


def test_every_reason_has_words_and_what_to_do() -> None:
    assert set(DENIALS) == set(WHAT_TO_DO) == REASONS


async def test_a_refusal_says_when_where_who_by_what_and_why(furnished: Furnished) -> None:
    await furnished.integration.cards([told_card(1, "res-1", label="Blue key ring")], [])
    deny(furnished, "card_quiet", resident_id="res-1", credential_id="card-1")
    await furnished.integration.deliver()
    page = await furnished.office.get("/office/refusals")
    for shown in ("Quiet hours of the card", "Stall 1", "Card “Blue key ring”", "Ada Larsen", "17:30"):
        assert shown in page.text, shown
    assert "They are set on the card’s page" in page.text


async def test_a_reason_of_a_later_integration_is_shown_as_it_is(furnished: Furnished) -> None:
    deny(furnished, "wrong_shoes", credential_kind="iris_scan")
    await furnished.integration.deliver()
    page = await furnished.office.get("/office/refusals")
    assert page.status == 200
    assert "wrong_shoes" in page.text
    assert "iris_scan" in page.text


async def test_what_was_longer_than_a_month_ago_is_not_shown(furnished: Furnished) -> None:
    deny(furnished, "unknown_card", hours=31 * 24)
    await furnished.integration.deliver()
    assert "Nobody was refused" in (await furnished.office.get("/office/refusals")).text
