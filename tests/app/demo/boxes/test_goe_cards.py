"""go-e's own card reader over HTTP (connectors.md 2.2: `lri`, `rde`, `cards[]`, `trx`)."""

from ..conftest import Hands
from .calls import Called, called

TAUGHT = {"cards": "04A1B2C3,01020304"}


async def cards_of(goe: Called) -> list[dict[str, object]]:
    cards: list[dict[str, object]] = (await goe.get("/api/status?filter=cards"))["cards"]
    return cards


async def test_the_last_card_is_sent_only_when_rde_says_so(clock: Hands) -> None:
    async with called("goe_http_v2", clock, options={"rde": False}) as goe:
        goe.stand.show_card("04A1B2C3")
        assert await goe.get("/api/status?filter=lri,rde") == {"rde": False}
        assert await goe.get("/api/set?rde=true") == {"rde": True}
        assert await goe.get("/api/status?filter=lri,rde") == {"rde": True, "lri": "04a1b2c3"}
        assert (await goe.get("/api/set?rde=1"))["rde"] is not True
        assert goe.stand.commands == [("rde", True)]


async def test_a_taught_card_starts_a_transaction_and_its_slot_counts(clock: Hands) -> None:
    async with called("goe_http_v2", clock, options=TAUGHT) as goe:
        await goe.get("/api/set?acs=1")
        await goe.charge()
        assert goe.stand.power_w == 0
        goe.stand.show_card("99999999")
        assert (await goe.get("/api/status?filter=trx"))["trx"] is None
        goe.stand.show_card("01020304")
        assert (await goe.get("/api/status?filter=trx"))["trx"] == 2
        await goe.wait(600)
        goe.stand.unplug()
        cards = await cards_of(goe)
        assert len(cards) == 10
        assert [card["cardId"] for card in cards] == [True, True, *[False] * 8]
        charged_wh = goe.stand.true_register_wh() - 137_000
        assert charged_wh > 1_700
        # The slot is counted a second later than the register.
        assert charged_wh - 4 <= cards[1]["energy"] <= charged_wh
        assert cards[0]["energy"] == 0


async def test_a_transaction_without_card_counts_for_no_slot(clock: Hands) -> None:
    async with called("goe_http_v2", clock, options=TAUGHT) as goe:
        await goe.get("/api/set?acs=1&trx=0")
        await goe.charge()
        assert goe.stand.power_w == 11_040
        assert [card["energy"] for card in await cards_of(goe)] == [0] * 10
