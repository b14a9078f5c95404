"""What plain HTTP in the house's network is not for: payment pages, to which somebody between could lead elsewhere."""

from pathlib import Path

from tests.app.house import Furnished, open_house

IN_THE_HOUSE = {"Host": "192.168.178.20:8100", "Origin": "http://192.168.178.20:8100"}


async def test_cards_are_not_taken_over_plain_http(tmp_path: Path) -> None:
    async with open_house(tmp_path, stripe_key="rk_test_1", stripe_api_base="http://127.0.0.1:1") as house:
        phone = (await Furnished.of(house)).phone
        here, there = await phone.get("/me"), await phone.get("/me", Host=IN_THE_HOUSE["Host"])
        # On the very machine nobody is between.
        assert 'action="/me/card"' in here.text
        assert 'action="/me/card"' not in there.text
        assert (await phone.post("/me/card", here.form("/me/card"), **IN_THE_HOUSE)).status == 404
