"""Figures of the building, worked out by hand for a few sessions."""

from datetime import UTC, datetime, timedelta
import re

from tests.app.house import Furnished

JUNE = datetime(2026, 6, 10, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


async def test_figures_say_what_the_meters_counted(furnished: Furnished) -> None:
    """Ada charges 8 kWh in two quarter hours from 14:00 in Berlin, Bo 4 kWh in the first of them; 1 kWh is nobody's.

    The first quarter hour has 4 + 4 kWh: 32 kW. 12 kWh at 0.30 € are 3.60 €. Each stall is in use for half an hour.
    """
    integration, office = furnished.integration, furnished.office
    session = integration.begin("stall-1", "res-1", JUNE)
    for number in range(2):
        integration.cut("stall-1", session, JUNE + number * QUARTER, JUNE + (number + 1) * QUARTER, 4_000)
    integration.finish("stall-1", session, JUNE + 2 * QUARTER, 8_000)
    integration.charge("stall-2", "res-2", JUNE, JUNE + QUARTER, 4_000)
    integration.cut("stall-2", None, JUNE + 8 * QUARTER, JUNE + 9 * QUARTER, 1_000)
    await integration.deliver()

    async def lines(table: str) -> list[list[str]]:
        answer = await office.get(f"/office/figures/{table}.csv?from=2026-05&to=2026-06")
        assert answer.headers["Content-Type"].startswith("text/csv")
        return [line.split(",") for line in answer.text.lstrip("\ufeff").splitlines()[1:]]

    may, june = await lines("months")
    assert may[1:5] == ["0.000", "0.000", "0.00", "0.00"]
    # kWh, of nobody, billed, of it energy, bills, covered, sun, peak of stalls, of the building
    assert june[1:10] == ["13.000", "1.000", "3.60", "3.60", "", "", "", "32.0", ""]
    hours = await lines("hours")
    assert (hours[14], hours[16]) == (["14:00", "12.000"], ["16:00", "1.000"])
    assert await lines("residents") == [["Ada Larsen", "8.000", "1", "2.40"], ["Bo Meyer", "4.000", "1", "1.20"]]
    assert await lines("stalls") == [["Stall 1", "8.000", "0.5"], ["Stall 2", "5.000", "0.5"]]
    assert await lines("open") == []

    page = await office.get("/office/figures?from=2026-05&to=2026-06")
    assert re.search(r'<td class="number" data-value="13.000">13[.,]0</td>', page.text)
    assert (await office.get("/office/figures/nothing.csv")).status == 404


async def test_a_name_is_no_formula(furnished: Furnished) -> None:
    integration = furnished.integration
    integration.building["residents"][0]["name"] = '=HYPERLINK("x")'
    await integration.send("building", building=integration.building)
    integration.charge("stall-1", "res-1", JUNE, JUNE + QUARTER, 1_000)
    await integration.deliver()
    answer = await furnished.office.get("/office/figures/residents.csv?from=2026-06&to=2026-06")
    assert "\"'=HYPERLINK" in answer.text
