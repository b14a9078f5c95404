"""The Swiss QR-bill, held against the examples of SIX's Implementation Guidelines (version 2.3, annex A)."""

import ctypes

import pypdfium2  # type: ignore[import-untyped]
import pytest
import segno
from sqlalchemy import text

from evshare_app.money import Money
from evshare_app.statement.files import HTML, PDF, kept_file
from evshare_app.statement.paper import Paper
from evshare_app.statement.qr_bill import is_qr_iban, party, print_payment_part, qr_bill, qr_reference
from evshare_app.statement.remittance import reference_for
from tests.app.statement.costs import JULY_1, JUNE, berlin
from tests.app.statement.lindenhof import Cut, add_session
from tests.app.statement.steps import close_month

SCHNEIDER = ("Robert Schneider AG", "Rue du Lac 1268\n2501 Biel")
RUTSCHMANN = ("Pia-Maria Rutschmann-Schnyder", "Grosse Marktgasse 28\n9400 Rorschach")
QR_IBAN, IBAN = "CH4431999123000889012", "CH5204835012345671000"
EXAMPLE = """SPC
0200
1
CH4431999123000889012
S
Robert Schneider AG
Rue du Lac
1268
2501
Biel
CH







1949.75
CHF
S
Pia-Maria Rutschmann-Schnyder
Grosse Marktgasse
28
9400
Rorschach
CH
QRR
210000000003139471430009017
Order of 15.06.2020
EPD"""


def bill(**changes):
    wanted = {
        "payee": SCHNEIDER[0],
        "address": SCHNEIDER[1],
        "iban": QR_IBAN,
        "amount": Money(194975, "CHF"),
        "reference": "210000000003139471430009017",
        "debtor": RUTSCHMANN,
        "message": "Order of 15.06.2020",
    }
    return qr_bill(**wanted | changes)


def test_the_code_says_what_the_guidelines_example_says():
    made = bill()
    assert made is not None
    assert made.payload == EXAMPLE
    expected = segno.make_qr(EXAMPLE.encode(), error="m", boost_error=False, encoding="utf-8")
    assert made.qr.matrix == expected.matrix
    assert made.qr.version <= 25


def test_the_check_digit_is_that_of_the_example():
    # 21 00000 00003 13947 14300 09017
    assert qr_reference("21000000000313947143000901") == "210000000003139471430009017"
    assert bill().reference_in_groups == "21 00000 00003 13947 14300 09017"


def test_an_account_with_a_qr_iban_takes_qr_references_only():
    assert is_qr_iban(QR_IBAN)
    assert not is_qr_iban(IBAN)
    assert reference_for("2026-000001", QR_IBAN).isdigit()
    assert reference_for("2026-000001", IBAN) == "RF75EV2026000001"
    assert bill(reference="RF75EV2026000001") is None
    assert bill(iban=IBAN) is None
    assert "\nSCOR\nRF75EV2026000001\n" in bill(iban=IBAN, reference="RF75EV2026000001").payload


@pytest.mark.parametrize(
    "changes",
    [
        {"iban": "DE89370400440532013000"},
        {"iban": "CH4431999123000889013"},
        {"amount": Money(100, "USD")},
        {"amount": Money(0, "CHF")},
        {"address": "somewhere in Biel"},
    ],
)
def test_what_does_not_fit_makes_no_bill(changes):
    assert bill(**changes) is None


def test_whoever_has_no_address_here_writes_it_down():
    assert "\nCHF\n\n\n\n\n\n\n\nQRR\n" in bill(debtor=("Ada Okafor", "")).payload


def test_an_address_without_a_house_number_is_one_too():
    made = party("WEG", "Im Hof\nLI-9490 Vaduz", "CH")
    assert made is not None
    assert (made.street, made.number, made.postcode, made.town, made.country) == ("Im Hof", "", "9490", "Vaduz", "LI")


def fonts(page):
    """The faces a page's letters are set in."""
    text, name, names = page.get_textpage(), ctypes.create_string_buffer(100), set()
    for place in range(text.count_chars()):
        pypdfium2.raw.FPDFText_GetFontInfo(text.raw, place, name, 100, ctypes.c_int())
        names.add(name.value.decode().rpartition("+")[2])
    return names - {""}


@pytest.mark.parametrize(
    ("name", "faces"),
    [
        # The guideline allows Arial, Frutiger, Helvetica and Liberation Sans.
        ("Renée Müller-Œrsted", {"Helvetica", "Helvetica-Bold"}),
        # Helvetica as readers have it lacks the Ł: then all of it is set in the statement's own face.
        ("Łukasz Žižek", {"DejaVuSansBook", "DejaVuSansBold"}),
    ],
)
def test_the_payment_part_is_set_in_helvetica_where_that_has_all_its_letters(name, faces):
    page = Paper("", title="", made=JULY_1, language="fr")
    print_payment_part(page, bill(debtor=(name, RUTSCHMANN[1])), "fr")
    last = pypdfium2.PdfDocument(bytes(page.output()))[1]
    assert fonts(last) == faces
    text = last.get_textpage().get_text_range()
    for words in (name, "Récépissé", "1 949.75", "Point de dépôt"):
        assert words in text


def test_a_statement_in_francs_has_a_payment_part_on_paper_and_a_code_on_its_page(conn):
    conn.execute(
        text("UPDATE building SET currency = 'CHF', iban = :iban, language = 'de', address = :address"),
        {
            "iban": QR_IBAN,
            "address": SCHNEIDER[1],
        },
    )
    conn.execute(text("DROP TRIGGER tariff_no_update"))
    conn.execute(text("""UPDATE tariff SET ocpi_json = replace(ocpi_json, '"EUR"', '"CHF"')"""))
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 10_000)])
    (issued,) = close_month(conn, JUNE, "m", JULY_1)
    paper = pypdfium2.PdfDocument(kept_file(conn, issued, PDF))
    last = paper[len(paper) - 1].get_textpage().get_text_range()
    for words in (
        "Zahlteil",
        "Empfangsschein",
        "CH44 3199 9123 0008 8901 2",
        "Rue du Lac 1268",
        "3.00",
        "Annahmestelle",
    ):
        assert words in last, words
    assert fonts(paper[len(paper) - 1]) == {"Helvetica", "Helvetica-Bold"}
    page = kept_file(conn, issued, HTML).decode()
    assert page.count('fill="#000"') == 1  # the black square of the cross
