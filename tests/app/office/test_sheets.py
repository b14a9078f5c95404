"""Signs to print: what they say, and that a scanner reads them, with a reader that shares nothing with their maker."""

from pathlib import Path
import re

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp

from tests.app.office.signs import ADDRESS, Addressed, house_at

# A printer leaves about this much white at the edges; the cut marks lie further in.
UNPRINTABLE_MM = 4.2
PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}


async def checked(place: Addressed) -> None:
    await place.press(await place.code())


def pages(pdf: bytes) -> list[pypdfium2.PdfPage]:
    return list(pypdfium2.PdfDocument(pdf))


def scan(page: pypdfium2.PdfPage, dpi: int = 100) -> list[str]:
    """Read every QR code of a printed page (ZXing)."""
    picture = page.render(scale=dpi / 72).to_pil()
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def words(page: pypdfium2.PdfPage) -> str:
    return " ".join(str(page.get_textpage().get_text_range()).split())


async def stall_code(place: Addressed, number: int) -> str:
    return await place.house.code(place.office, number)


@pytest.mark.parametrize("paper", ["a4", "letter"])
async def test_a_scanner_reads_each_stalls_address_from_its_sticker(tmp_path: Path, paper: str) -> None:
    async with house_at(tmp_path) as place:
        await checked(place)
        first, second = await stall_code(place, 1), await stall_code(place, 2)
        _, pdf = await place.print(paper=paper)
        (page,) = pages(pdf)
        assert sorted(scan(page)) == sorted([f"{ADDRESS}/s/{first}", f"{ADDRESS}/s/{second}"])
        width, height = (points * 25.4 / 72 for points in page.get_size())
        assert (round(width, 1), round(height, 1)) == PAPERS[paper]


async def test_a_sticker_says_where_it_hangs_whom_to_ask_and_what_to_type(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        await checked(place)
        await place.contact("Frau Brandt, 030 1234567")
        code = await stall_code(place, 2)
        text = words(pages((await place.print(stall="stall-2"))[1])[0])
        for said in (
            "Lindenhof",
            "Stall 2",
            "Scan to charge",
            "The price is on the page, before you start.",
            "No camera? Open laden.example.org and enter",
            " ".join(re.findall("....", code)),
            "Questions: Frau Brandt, 030 1234567",
        ):
            assert said in text
        assert "Stall 1" not in text
        assert "Wi-Fi" not in text


async def test_what_is_typed_from_a_sticker_leads_to_the_stall(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        code = await stall_code(place, 1)
        phone = place.house.stranger()
        for typed in (code, " ".join(re.findall("....", code)), code.lower().replace("0", "o").replace("1", "l")):
            page = await phone.get(f"/s?code={typed.replace(' ', '%20')}")
            assert (page.status, page.address) == (200, f"/s/{code}")
        wrong = await phone.get("/s?code=1234")
        assert wrong.status == 400
        assert "the 16 characters below the QR code" in wrong.text
        assert "No camera?" in (await phone.get("/")).text


@pytest.mark.parametrize(("size", "on_a_sheet"), [("small", 8), ("large", 2)])
@pytest.mark.parametrize("paper", ["a4", "letter"])
async def test_as_many_as_fit_are_on_a_sheet(tmp_path: Path, paper: str, size: str, on_a_sheet: int) -> None:
    async with house_at(tmp_path) as place:
        await checked(place)
        _, pdf = await place.print(paper=paper, size=size, copies=str(on_a_sheet))  # of each of two stalls
        assert [len(scan(page, 130)) for page in pages(pdf)] == [on_a_sheet, on_a_sheet]


@pytest.mark.parametrize("paper", ["a4", "letter"])
@pytest.mark.parametrize("sheet", ["stickers", "poster"])
async def test_cut_marks_lie_where_a_printer_can_print(tmp_path: Path, sheet: str, paper: str) -> None:
    async with house_at(tmp_path) as place:
        await checked(place)
        page = pages((await place.print(sheet, paper=paper))[1])[0]
        width, height = page.get_size()
        inked = [one.get_bounds() for one in page.get_objects() if one.get_bounds()[2] > one.get_bounds()[0]]
        edge = UNPRINTABLE_MM * 72 / 25.4
        assert min(left for left, *_ in inked) > edge
        assert max(right for _, _, right, _ in inked) < width - edge
        assert min(bottom for _, bottom, *_ in inked) > edge
        assert max(top for *_, top in inked) < height - edge


@pytest.mark.parametrize("paper", ["a4", "letter"])
async def test_the_poster_leads_to_the_start_page_in_three_steps(tmp_path: Path, paper: str) -> None:
    async with house_at(tmp_path) as place:
        await checked(place)
        await place.contact("Frau Brandt")
        (page,) = pages((await place.print("poster", paper=paper))[1])
        assert scan(page) == [f"{ADDRESS}/"]
        text = words(page)
        for said in (
            "1 Ask for an invitation",
            "Ask Frau Brandt.",
            "2 Open it once",
            "3 Plug in, scan",
            "laden.example.org",
        ):
            assert said in text


async def test_sheets_speak_the_language_of_the_house(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        await checked(place)
        await place.contact("", "de")
        assert "Zum Laden scannen" in words(pages((await place.print())[1])[0])
        assert "Einladung" in words(pages((await place.print("poster"))[1])[0])


async def test_signs_without_https_say_that_they_work_in_the_house_only(tmp_path: Path) -> None:
    async with house_at(tmp_path, "http://192.168.178.20:8100") as place:
        for sheet in ("stickers", "poster"):
            (page,) = pages((await place.print(sheet, indoors="yes"))[1])
            assert "Works only in the house’s Wi-Fi." in words(page)


async def test_long_names_fit_their_sticker(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        name = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
        place.integration.building["stalls"][0]["name"] = name
        await place.integration.send("building", building=place.integration.building)
        await place.integration.settled()
        await place.contact(
            "Hausverwaltung Meyer und Söhne GmbH, Telefon 030 1234567, erreichbar von 9 bis 12 Uhr, außer mittwochs"
        )
        await checked(place)
        (page,) = pages((await place.print(stall="stall-1"))[1])
        assert len(scan(page)) == 1
        # The sticker in the first place ends at the middle of the sheet.
        texts = [one.get_bounds() for one in page.get_objects() if one.type == 1]
        assert max(right for _, _, right, _ in texts) < page.get_size()[0] / 2


@pytest.mark.parametrize(
    "query",
    [{"paper": "a3"}, {"size": "huge"}, {"copies": "0"}, {"copies": "17"}, {"copies": "²"}, {"stall": "stall-9"}],
)
async def test_what_cannot_be_printed_is_named(tmp_path: Path, query: dict[str, str]) -> None:
    async with house_at(tmp_path) as place:
        await checked(place)
        status, page = await place.print(**query)
        assert status == 400
        assert f'name="{next(iter(query))}"' in page.decode().partition(' aria-invalid="true"')[0].rpartition("<")[2]
