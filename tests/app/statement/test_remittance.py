import pytest
import segno
from stdnum import iso11649

from evshare_app.money import Money
from evshare_app.statement.remittance import epc_qr, is_iban, rf_reference, statement_number

IBAN = "DE89370400440532013000"


def test_the_reference_is_a_valid_creditor_reference():
    """ISO 11649; check digits by hand: EV2026000001RF00 as digits mod 97 is 23, 98 - 23 = 75."""
    assert int("1431" + "2026000001" + "2715" + "00") % 97 == 23
    assert rf_reference("2026-000001") == "RF75EV2026000001"
    for number in range(1, 300):
        iso11649.validate(rf_reference(statement_number(2026, number)))


def test_numbers_sort_as_they_were_issued():
    assert statement_number(2026, 1) == "2026-000001"
    assert statement_number(2026, 123_456) == "2026-123456"


@pytest.mark.parametrize(
    ("iban", "right"),
    [(IBAN, True), ("DE89 3704 0044 0532 0130 00", True), ("DE88370400440532013000", False), ("", False)],
)
def test_an_iban_is_checked_with_its_check_digits(iban, right):
    assert is_iban(iban) is right


def test_the_code_holds_what_the_epc_guideline_asks_for():
    """EPC069-12: version 002, character set 2 (ISO 8859-1), SCT, no BIC, structured reference in line 10."""
    payload = b"BCD\n002\n2\nSCT\n\nWEG Lindenhof\nDE89370400440532013000\nEUR42.46\n\nRF75EV2026000001"
    expected = segno.make_qr(payload, error="m", boost_error=False)
    made = epc_qr("WEG Lindenhof", "DE89 3704 0044 0532 0130 00", Money(4246, "EUR"), "RF75EV2026000001")
    assert made is not None
    assert made.matrix == expected.matrix
    assert made.error == "M"
    assert made.version <= 13


@pytest.mark.parametrize(
    ("iban", "amount"),
    [
        (IBAN, Money(4246, "CHF")),
        (IBAN, Money(0, "EUR")),
        (IBAN, Money(-100, "EUR")),
        ("DE88370400440532013000", Money(4246, "EUR")),
    ],
)
def test_where_the_scheme_does_not_go_there_is_no_code(iban, amount):
    assert epc_qr("WEG Lindenhof", iban, amount, "RF75EV2026000001") is None
