"""The tariff editor in Chromium: it shows the fields of what is chosen, and the preview follows what is typed."""

from playwright.async_api import expect

from tests.app.house import Furnished
from tests.browser import chromium


async def test_the_preview_follows_what_is_typed(furnished: Furnished) -> None:
    office = furnished.office
    async with chromium() as browser:
        context = await browser.new_context(locale="en-GB")
        await context.add_cookies(
            [{"name": one.key, "value": one.value, "url": office.origin} for one in office.http.cookie_jar]
        )
        page = await context.new_page()
        broken: list[str] = []
        page.on("pageerror", lambda error: broken.append(str(error)))
        await page.goto(f"{office.origin}/office/tariff/new")
        preview = page.get_by_role("region", name="Preview")
        # What is in force, 0.30, stands in the form: 20 kWh are 6.00 before and after.
        await expect(preview.get_by_role("row", name="Evening")).to_contain_text("6,00")

        await page.get_by_label("Price of a kWh").fill("0.50")
        await expect(preview.get_by_role("row", name="Evening")).to_contain_text("10,00")
        await page.get_by_label("Price of a kWh").fill("a lot")
        await expect(preview.get_by_text("Price of a kWh: Accepted here: a number such as 0.30")).to_be_visible()

        await page.get_by_role("radio", name="Solar-friendly").check()
        await expect(page.get_by_label("Price of a kWh")).to_be_hidden()
        await page.get_by_label("A kWh from the sun").fill("0.10")
        await page.get_by_label("A kWh from the grid").fill("0.30")
        # 14 of 20 kWh are sun: 14 x 0.10 + 6 x 0.30.
        await expect(preview.get_by_role("row", name="Midday")).to_contain_text("3,20")
        assert broken == []
