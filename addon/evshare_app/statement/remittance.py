"""How a statement is named and paid by bank: the ISO 11649 reference and the EPC069-12 QR code ("GiroCode")."""

from segno import QRCode
from segno.helpers import make_epc_qr
from stdnum import iban as iban_rules
from stdnum.iso7064 import mod_97_10

from ..money import Money
from .qr_bill import is_qr_iban, qr_reference


def statement_number(year: int, number: int, prefix: str = "") -> str:
    """Return the printed number, e.g. ``2026-000001``; in another series ``CN2026-000001``."""
    return f"{prefix}{year}-{number:06d}"


def rf_reference(printed_number: str) -> str:
    """Return the creditor reference of a statement (ISO 11649, check digits mod 97-10), e.g. ``RF80EV2026000001``."""
    body = f"EV{printed_number.replace('-', '')}"
    return f"RF{mod_97_10.calc_check_digits(f'{body}RF')}{body}"


def reference_for(printed_number: str, iban: str | None) -> str:
    """Return the reference a statement is paid with: accounts with a Swiss QR-IBAN take QR references only."""
    return qr_reference(printed_number) if iban and is_qr_iban(iban) else rf_reference(printed_number)


def is_iban(text: str) -> bool:
    """Whether a bank account number is an IBAN with right length, structure and check digits."""
    return iban_rules.is_valid(text)


def epc_qr(payee: str, iban: str, amount: Money, reference: str) -> QRCode | None:
    """Return the code a banking app reads; None where the scheme does not go: it carries 0.01 euro and more only."""
    if amount.currency != "EUR" or amount.minor < 1 or not is_iban(iban):
        return None
    # segno checks neither the IBAN nor the decimals: both are right here by construction.
    return make_epc_qr(name=payee, iban=iban_rules.compact(iban), amount=amount.to_decimal(), reference=reference)
