from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
import hashlib
from html.parser import HTMLParser
import json
import re
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest

from evshare_app.model import Month
from evshare_app.statement.document import (
    Advance,
    ChargePart,
    Line,
    Meter,
    SessionPart,
    StatementDocument,
    TariffText,
    TopUp,
    Vat,
)
from evshare_app.statement.html import render_html
from evshare_app.statement.pdf import render_pdf
from evshare_app.statement.printed import printed


def session(**changes: Any) -> SessionPart:
    fields: dict[str, Any] = {
        "session_id": "s1",
        "resident": "Jana Weber",
        "guest": "",
        "stall": "Stall 1",
        "start": datetime(2026, 6, 2, 16, 5, 12, tzinfo=UTC),
        "end": datetime(2026, 6, 2, 20, 0, 12, tzinfo=UTC),
        "energy_wh": 14_478,
        "net_minor": 724,
        "lines": (
            Line(kind="ENERGY", net_minor=434, price=Decimal("0.30"), volume=14_478, vat_percent=Decimal(19)),
            Line(kind="PARKING_TIME", net_minor=190, price=Decimal("1.25"), volume=5472, vat_percent=Decimal(19)),
            Line(kind="FLAT", net_minor=100, price=Decimal(1), vat_percent=Decimal(19)),
        ),
        "meters": (Meter(serial="17510001", start_wh=1_204_500, end_wh=1_218_978),),
    }
    return SessionPart(**fields | changes)


def document(**changes: Any) -> StatementDocument:
    fields: dict[str, Any] = {
        "statement_id": "0" * 32,
        "number": "2026-000001",
        "month": Month(2026, 6),
        "issued": datetime(2026, 7, 1, 8, tzinfo=UTC),
        "due": date(2026, 7, 15),
        "language": "en",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "building": "Lindenhof",
        "payee": "WEG Lindenhof",
        "address": "Lindenstraße 7\n10969 Berlin",
        "account": "Familie Weber",
        "sessions": (session(),),
        "tariffs": (TariffText(version_id="default", lines=("0,30 € per kWh",)),),
        "energy_wh": 14_478,
        "net_minor": 724,
        "vat": (Vat(percent=Decimal(19), net_minor=724, vat_minor=138),),
        "vat_minor": 138,
        "gross_minor": 862,
        "reference": "RF75EV2026000001",
        "iban": "DE89370400440532013000",
        "card": None,
        "ledger_head": "599339cdde9c",
    }
    return StatementDocument(**fields | changes)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.parts.append(" ".join(data.split()))


def read(page: str) -> _Text:
    reader = _Text()
    reader.feed(page)
    return reader


def words(page: str) -> str:
    return " ".join(part for part in read(page).parts if part)


def test_the_page_says_who_pays_whom_what_for_and_how():
    said = words(render_html(document()))
    for part in (
        "WEG Lindenhof · Lindenstraße 7 · 10969 Berlin",
        "Charging in June 2026",
        "Familie Weber",
        "Statement 2026-000001",
        "To pay by 15 July 2026 8,62 €",
        "Stall 1 2 Jun, 18:05 – 22:00 14,478 kWh 14,478 kWh × 0,30 € 4,34 €",
        "Connected 1:31:12 h × 1,25 € 1,90 €",
        "Session fee 1,00 €",
        "Net 7,24 €",
        "19% VAT on 7,24 € 1,38 €",
        "Total 8,62 €",
        "IBAN DE89 3704 0044 0532 0130 00",
        "Reference RF75 EV20 2600 0001",
        "Stall 1 17510001 2026-06-02 16:05:12 1.204.500 Wh 2026-06-02 20:00:12 1.218.978 Wh 14.478 Wh",
        "0,30 € per kWh Tariff default",
        "ledger 599339cdde9c",
        f"Seal {document().seal[:12]}",
    ):
        assert part.replace(" €", "\N{NO-BREAK SPACE}€") in said.replace(" €", "\N{NO-BREAK SPACE}€")


def test_it_speaks_german_to_those_who_do():
    said = words(render_html(document(language="de"))).replace("\N{NO-BREAK SPACE}", " ")
    for part in (
        "Laden im Juni 2026",
        "Zu zahlen bis 15. Juli 2026",
        "19 % MwSt. auf 7,24 €",
        "Zählerstand",
        "2. Juni, 18:05",
    ):
        assert part in said
    assert not re.search(r"\b(Statement|Sessions|Meter|Register|Total)\b", said)


def test_it_speaks_french_to_those_who_do():
    said = words(render_html(document(language="fr"))).replace("\N{NO-BREAK SPACE}", " ")
    for part in (
        "Recharges en juin 2026",
        "Relevé 2026-000001",
        "À payer d’ici au 15 juillet 2026",
        "TVA 19 % sur 7,24 €",
        "Index des compteurs",
        "2 juin, 18:05",
        "1 204 500 Wh",
    ):
        assert part in said
    assert not re.search(r"\b(Statement|Sessions|Meter|Register|Amount)\b", said)


def test_the_pdf_prints_what_french_needs():
    name = "L’Œil-de-Bœuf\N{NARROW NO-BREAK SPACE}; «\N{NO-BREAK SPACE}Chez Zoë\N{NO-BREAK SPACE}»"
    text = pypdfium2.PdfDocument(render_pdf(document(language="fr", account=name)))[0].get_textpage().get_text_range()
    assert "L’Œil-de-Bœuf" in text
    assert "ne va pas\N{NARROW NO-BREAK SPACE}?" in text
    assert "\N{REPLACEMENT CHARACTER}" not in text


def test_it_needs_nothing_from_elsewhere_and_runs_no_script():
    page = read(render_html(document()))
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "form"}
    for _, attributes in page.tags:
        assert not attributes.keys() & {"src", "href", "style"}
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in render_html(document())


def test_names_cannot_become_markup():
    page = render_html(document(account="<script>alert(1)</script>", sessions=(session(stall="<b>1</b>"),)))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page


def test_a_household_of_several_sees_who_charged_and_a_single_one_does_not():
    both = document(sessions=(session(), session(resident="Timo Weber")))
    assert "Timo Weber" in words(render_html(both))
    assert "Jana Weber" not in words(render_html(document()))


def test_a_session_over_midnight_shows_both_dates():
    late = session(end=datetime(2026, 6, 3, 5, 0, tzinfo=UTC))
    assert printed(document(sessions=(late,))).sessions[0].when == "2 Jun, 18:05 – 3 Jun, 07:00"


@pytest.mark.parametrize(
    ("changes", "headline", "text", "with_code"),
    [
        ({}, "To pay by 15 July 2026", "Scan the code", True),
        ({"currency": "CHF", "iban": "CH9300762011623852957"}, "To pay by 15 July 2026", "Please transfer", False),
        ({"iban": None}, "To pay by 15 July 2026", "Please ask the building's office", False),
        ({"card": "Visa 4242"}, "We collect this from Visa 4242", "You do not have to do anything", False),
        ({"gross_minor": 0}, "Nothing to pay", "There is nothing to pay this time", False),
    ],
)
def test_it_says_how_to_pay_and_offers_one_way_only(changes, headline, text, with_code):
    said = printed(document(**changes))
    assert said.headline == headline
    assert said.payment_text.startswith(text)
    assert (said.qr is not None) is with_code
    assert ("<svg" in render_html(document(**changes))) is with_code


def test_a_building_without_vat_says_so():
    free = document(vat=(Vat(percent=Decimal(0), net_minor=724, vat_minor=0),), vat_minor=0, gross_minor=724)
    assert printed(free).totals == (("Total, without VAT", "7,24\N{NO-BREAK SPACE}€"),)


def test_what_a_limit_changed_is_explained():
    capped = session(
        lines=(
            Line(kind="ENERGY", net_minor=931, price=Decimal("0.5"), volume=18_623),
            Line(kind="MAX_PRICE", net_minor=-431),
        )
    )
    [row] = printed(document(sessions=(capped,))).sessions
    assert row.lines[1] == ("Down to the highest price", "-4,31\N{NO-BREAK SPACE}€")


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_the_pdf_is_one_page_for_a_small_month_and_more_for_a_large_one():
    small = render_pdf(document())
    assert small.startswith(b"%PDF-")
    assert small.rstrip().endswith(b"%%EOF")
    assert pages(small) == 1
    assert b"DejaVuSans" in small
    assert pages(render_pdf(document(sessions=tuple(session() for _ in range(60))))) > 3


def test_a_session_with_a_price_for_each_quarter_hour_of_a_long_night_goes_over_pages():
    lines = tuple(
        Line(kind="ENERGY", net_minor=100 + place, price=Decimal(3000 + place) / 10_000, volume=3_400 + place)
        for place in range(130)
    )
    pdf = pypdfium2.PdfDocument(render_pdf(document(sessions=(session(lines=lines),))))
    said = "".join(pdf[place].get_textpage().get_text_range() for place in range(len(pdf)))
    assert len(pdf) > 2
    prices = [f"× 0,{3000 + place}".rstrip("0") for place in range(130)]
    assert [one for one in prices if one not in said] == []
    amounts = [f"{minor // 100},{minor % 100:02}" for minor in range(100, 230)]
    assert [one for one in amounts if one not in said] == []
    assert said.count("Stall 1") == 2  # the session's and its meter's


def test_a_reason_is_printed_to_its_end_however_long_it_is():
    reason = "The camera shows another car. " * 16 + "We are sorry."
    pdf = pypdfium2.PdfDocument(render_pdf(document(kind="credit_note", corrects="2026-000001", reason=reason)))
    text = pdf[0].get_textpage()
    place, _ = text.search("sorry").get_next()
    right = text.get_charbox(place + 4)[2]
    assert right < pdf[0].get_width() - 18 * 72 / 25.4  # points: the margin


def test_many_top_ups_are_all_printed():
    tops = tuple(TopUp(day=date(2026, 6, 1 + at % 30), minor=1000 + at) for at in range(60))
    paid = Advance(before_minor=0, top_ups=tops, used_minor=862, left_minor=60_908)
    pdf = pypdfium2.PdfDocument(render_pdf(document(advance=paid, to_pay_minor=0)))
    text = "".join(page.get_textpage().get_text_range() for page in pdf)
    assert all(f"10,{at:02}" in text for at in range(60))
    assert "609,08" in text


def test_an_amount_stands_beside_its_calculation_however_long_that_is():
    energy, parking, flat = session().lines
    dear = replace(parking, price=Decimal("12345.6789"), volume=123_456)
    pdf = render_pdf(document(sessions=(session(lines=(energy, dear, flat)),)))
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage()

    def height(words: str) -> float:
        place, _ = text.search(words, match_case=True).get_next()
        return round(text.get_charbox(place, loose=True)[1])

    assert height("Connected") - height("Session fee") > 15  # points: two lines of 4.2 mm
    assert height("1,90") == height("Connected")
    assert height("1,00") == height("Session fee")


def test_the_same_document_gives_the_same_pdf_and_seal():
    assert render_pdf(document()) == render_pdf(document())
    assert document().seal == document().seal
    assert document().seal != document(gross_minor=863).seal


@pytest.mark.parametrize("name", ["Łukasz Žižek-Ørsted", "Μαρία Παπαδοπούλου", "Олена Шевченко"])
def test_the_pdf_can_print_the_names_of_europe(name):
    assert render_pdf(document(account=name)).startswith(b"%PDF-")


CHARGES = (
    ("base_fee", 667, {"name": "Comfort", "days": 20, "of_days": 30}),
    (
        "included",
        -4200,
        {"name": "Flat", "granted_wh": 100_000, "kept_wh": 40_000, "used_wh": 140_000, "left_wh": 0},
    ),
    ("demand", 5500, {"name": "Power", "kw": "11", "peak_ms": 1_780_502_400_000, "estimated": ["grid"]}),
    (
        "cost",
        3333,
        {"name": "Loan", "key": "equal", "weight": "30", "whole": "90", "total_minor": 10_000},
    ),
    ("solar", -36, {"wh": 1800, "sharing": "by_use", "saved": "0.20", "estimated": ["grid", "solar"]}),
    ("losses", 267, {"number": "R-1", "losses_wh": 10_000, "total_minor": 400}),
    (
        "true_up",
        867,
        {"numbers": ["R-1", "R-2"], "wh": 60_000, "charged_minor": 1800, "share_minor": 2667, "cost_minor": 4000},
    ),
)


def charged(**changes: Any) -> StatementDocument:
    parts = tuple(
        ChargePart(charge_id=kind, kind=kind, net_minor=minor, vat_percent=None, details=details)
        for kind, minor, details in CHARGES
    )
    return document(charges=parts, **changes)


SAID = {
    "en": (
        "Base fee, plan Comfort: 20 of 30 days",
        "Included in plan Flat: 140,000 kWh of 100,000 kWh and 40,000 kWh from the month before",
        "Demand, plan Power: 11 kW in the building's highest quarter hour, 3 Jun, 18:00 (estimated: the grid)",
        "Loan: 33,33% of 100,00 €, divided equally",
        "Energy from the roof (estimated in part: the grid, the sun): 1,800 kWh, 0,20 € less per kWh",
        "Losses in the building's wiring, bill R-1: share of 4,00 € for 10,000 kWh",
        "Settlement of what the energy really cost (bill R-1, R-2): your share for 60,000 kWh is 26,67 €, 18,00 € "
        "were charged before",
    ),
    "de": (
        "Grundgebühr, Modell Comfort: 20 von 30 Tagen",
        "Im Modell Flat enthalten: 140,000 kWh von 100,000 kWh und 40,000 kWh aus dem Vormonat",
        "Leistung, Modell Power: 11 kW in der höchsten Viertelstunde des Hauses, 3. Juni, 18:00 (geschätzt: das Netz)",
        "Loan: 33,33 % von 100,00 €, verteilt zu gleichen Teilen",
        "Energie vom Dach (zum Teil geschätzt: das Netz, die Sonne): 1,800 kWh, 0,20 € weniger je kWh",
        "Verluste in den Leitungen des Hauses, Rechnung R-1: Anteil an 4,00 € für 10,000 kWh",
        "Ausgleich auf die wirklichen Energiekosten (Rechnung R-1, R-2): Ihr Anteil für 60,000 kWh ist 26,67 €, "
        "18,00 € wurden schon berechnet",
    ),
}


@pytest.mark.parametrize("language", ["en", "de"])
def test_charges_are_sentences_that_say_how_they_came_about(language):
    said = printed(charged(language=language)).charges
    assert tuple(sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence, _ in said) == SAID[language]
    assert [amount.replace("\N{NO-BREAK SPACE}", " ") for _, amount in said][:2] == ["6,67 €", "-42,00 €"]
    page = words(render_html(charged(language=language))).replace("\N{NO-BREAK SPACE}", " ")
    pdf = pypdfium2.PdfDocument(render_pdf(charged(language=language)))[0].get_textpage().get_text_range()
    for sentence in SAID[language]:
        assert sentence in page
        assert sentence[:20] in pdf.replace("\N{NO-BREAK SPACE}", " ")


def test_charges_are_said_in_french_too():
    said = [sentence for sentence, _ in printed(charged(language="fr")).charges]
    assert said[0] == "Abonnement, formule Comfort\N{NO-BREAK SPACE}: 20 jours sur 30"


def test_a_statement_without_sessions_has_neither_their_table_nor_readings():
    page = words(render_html(charged(sessions=(), tariffs=())))
    assert "For this month" in page
    assert "Meter readings" not in page
    assert "Prices" not in page
    assert render_pdf(charged(sessions=(), tariffs=())).startswith(b"%PDF-")


def test_the_ledgers_key_stands_beside_its_head():
    assert "Seal" in words(render_html(document(ledger_key="0123456789abcdef")))
    assert "ledger 599339cdde9c, key 0123456789abcdef" in words(render_html(document(ledger_key="0123456789abcdef")))


def test_what_is_owed_to_the_account_asks_for_no_payment():
    said = printed(document(net_minor=-724, vat_minor=-138, gross_minor=-862))
    assert (said.headline, said.qr, said.payment_facts) == ("This amount is in your favour", None, ())


def test_a_document_is_read_back_as_it_was_frozen():
    made = charged(ledger_key="0123456789abcdef")
    read_back = StatementDocument.from_json(made.to_json())
    assert read_back == made
    assert (read_back.seal, read_back.to_json()) == (made.seal, made.to_json())
    assert render_pdf(read_back) == render_pdf(made)


def test_a_document_of_the_first_version_is_read_too():
    """As it was frozen before guests had passes, and before there were charges, keys and kinds."""
    plain = json.loads(document().to_json())
    for name in ("charges", "ledger_key", "legal", "kind", "corrects", "reason"):
        del plain[name]
    del plain["sessions"][0]["guest"]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    old = StatementDocument.from_json(text)
    assert old.seal == hashlib.sha256(text.encode()).hexdigest()
    assert (old.charges, old.ledger_key, old.kind, old.sessions[0].guest) == ((), "", "statement", "")
    assert old.seal[:12] in words(render_html(old))


@pytest.mark.parametrize(("currency", "said"), [("JPY", "862 JP¥"), ("EUR", "8,62 €"), ("KWD", "0,862 KWD")])
def test_money_has_as_many_decimals_as_its_currency(currency, said):
    amount = printed(document(currency=currency)).amount.replace("\N{NO-BREAK SPACE}", " ")
    assert amount == said
