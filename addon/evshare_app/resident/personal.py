"""Which columns of the books tell of a person, and what becomes of each when that person is erased.

Every text of every table is decided here, once; a test names those that are not. A person's rows are deleted, or stay
with some values blanked, because other rows refer to them. What is kept is kept for the reason given: random ids and
amounts say nothing by themselves, and issued documents have to be kept as they were issued.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Table, or_, select

from ..books import access_tables as access
from ..books import schema

TOMBSTONE = "—"
"""Stands where a name stood."""


@dataclass(frozen=True, kw_only=True)
class OfPerson:
    """A table with rows of a resident."""

    table: Table
    rows: Callable[[str], ColumnElement[bool]]
    """Which rows are those of a resident id (of an account id in `OF_ACCOUNT`)."""
    blanks: Mapping[str, Any] | None = None
    """What is written into the rows; None: they are deleted."""
    secret: frozenset[str] = field(default_factory=frozenset)
    """Columns that are not even shown to the person: they let somebody in, or are digests of what does."""


def _direct(table: Table) -> Callable[[str], ColumnElement[bool]]:
    return lambda resident_id: table.c.resident_id == resident_id


def _by_device(table: Table) -> Callable[[str], ColumnElement[bool]]:
    device = schema.device.c
    return lambda resident_id: table.c.device_id.in_(select(device.device_id).where(device.resident_id == resident_id))


def _by_pass(table: Table) -> Callable[[str], ColumnElement[bool]]:
    guest_pass = access.guest_pass.c
    return lambda resident_id: table.c.pass_id.in_(
        select(guest_pass.pass_id).where(guest_pass.resident_id == resident_id)
    )


def _by_notice(resident_id: str) -> ColumnElement[bool]:
    notice = access.notice.c
    return access.notice_delivery.c.notice_id.in_(select(notice.notice_id).where(notice.resident_id == resident_id))


def _short_codes(resident_id: str) -> ColumnElement[bool]:
    guest_pass, invite = access.guest_pass.c, schema.invite.c
    return or_(
        access.short_code.c.target.in_(select(guest_pass.pass_id).where(guest_pass.resident_id == resident_id)),
        access.short_code.c.target.in_(select(invite.token_hash).where(invite.resident_id == resident_id)),
    )


def _by_card(resident_id: str) -> ColumnElement[bool]:
    card = access.card.c
    return access.card_cap.c.card_id.in_(select(card.card_id).where(card.resident_id == resident_id))


def _by_account(table: Table) -> Callable[[str], ColumnElement[bool]]:
    return lambda account_id: table.c.account_id == account_id


def _secret(*names: str) -> frozenset[str]:
    return frozenset(names)


OF_RESIDENT: tuple[OfPerson, ...] = (
    OfPerson(table=access.notice_delivery, rows=_by_notice, secret=_secret("target")),
    OfPerson(table=access.notice, rows=_direct(access.notice)),
    OfPerson(table=access.notice_choice, rows=_direct(access.notice_choice)),
    OfPerson(
        table=access.push_subscription,
        rows=_direct(access.push_subscription),
        secret=_secret("endpoint_hash", "endpoint", "p256dh", "auth"),
    ),
    OfPerson(table=access.challenge, rows=_direct(access.challenge), secret=_secret("challenge_hash")),
    OfPerson(table=access.short_code, rows=_short_codes, secret=_secret("code_hash", "target")),
    OfPerson(table=schema.invite, rows=_direct(schema.invite), secret=_secret("token_hash")),
    OfPerson(table=access.old_cookie, rows=_by_device(access.old_cookie), secret=_secret("token_mac")),
    OfPerson(
        table=schema.intent,
        rows=_direct(schema.intent),
        secret=_secret("nonce_hash", "request_id", "response_json"),
    ),
    OfPerson(table=schema.device, rows=_direct(schema.device), secret=_secret("token_mac")),
    OfPerson(table=access.passkey, rows=_direct(access.passkey), secret=_secret("credential_id", "public_key")),
    OfPerson(table=access.card_tap, rows=_direct(access.card_tap), secret=_secret("token_mac")),
    OfPerson(table=access.stall_tag, rows=_direct(access.stall_tag), secret=_secret("uid_mac")),
    OfPerson(table=access.card_cap, rows=_by_card),
    OfPerson(table=access.card, rows=_direct(access.card)),
    OfPerson(table=access.waiting, rows=_direct(access.waiting)),
    OfPerson(table=access.resident_rule, rows=_direct(access.resident_rule)),
    OfPerson(
        table=access.guest_intent,
        rows=_by_pass(access.guest_intent),
        secret=_secret("nonce_hash", "request_id", "response_json"),
    ),
    OfPerson(table=access.guest_phone, rows=_by_pass(access.guest_phone), secret=_secret("token_mac")),
    # Sessions name the pass, and statements printed its label.
    OfPerson(
        table=access.guest_pass,
        rows=_direct(access.guest_pass),
        blanks={"label": TOMBSTONE},
        secret=_secret("token_hash"),
    ),
    OfPerson(table=access.dispute, rows=_direct(access.dispute), blanks={"text": "", "note": None}),
    OfPerson(
        table=schema.resident,
        rows=_direct(schema.resident),
        blanks={"name": TOMBSTONE, "ha_user_id": None, "email": None, "language": None},
    ),
)
"""In the order in which rows may be deleted."""

OF_ACCOUNT: tuple[OfPerson, ...] = (
    OfPerson(
        table=schema.account,
        rows=_by_account(schema.account),
        blanks={
            "name": TOMBSTONE,
            "address": None,
            "stripe_customer": None,
            "stripe_payment_method": None,
            "card_label": None,
        },
    ),
    OfPerson(table=schema.payment, rows=_by_account(schema.payment), blanks={"note": ""}),
    OfPerson(
        table=schema.payment_operation,
        rows=_by_account(schema.payment_operation),
        blanks={"params_json": "{}", "url": None, "provider_id": None},
        secret=_secret("idempotency_key", "params_json"),
    ),
)
"""What is blanked where nobody else is on the account."""

_ID = "a random id"
_CODE = "one of a few words"
_HOUSE = "tells of the building, not of a resident"
_OFFICE = "tells of the office's people, who are removed there"
_LAW = "an issued document or a fact it rests on: kept as it was as long as the law says; it holds ids, not names"
_ISSUED = "an issued document holds the name it was issued to, and has to be kept as long as the law says"
_PROOF = "a hash or signature of the books"

_KEPT: dict[str, dict[str, str]] = {
    "account": {_ID: "account_id", _CODE: "rail kind"},
    "books_incarnation": {
        _ID: "incarnation_id",
        _CODE: "reason",
        _LAW: "missing_json unclaimed_json",
        _OFFICE: "left_by",
    },
    "building": {_HOUSE: "building_id name currency time_zone language iban payee address contact price_series"},
    "building_slice": {_CODE: "estimated_of"},
    "cdr": {_ID: "cdr_id session_id account_id credits", _CODE: "currency kind", _LAW: "ocpi_json"},
    "cdr_slice": {_ID: "cdr_id"},
    "charge": {_ID: "charge_id account_id of", _CODE: "month kind vat currency", _LAW: "details_json"},
    "close_cdr": {_ID: "cdr_id account_id", _CODE: "month"},
    "close_run": {_OFFICE: "approved_by", _PROOF: "preview_sha256", _HOUSE: "month step problem"},
    "cost_item": {
        _HOUSE: "item_id name kind key vat every from_day to_day",
        _ID: "weights_json members_json",
        _OFFICE: "made_by",
    },
    "dispute": {_ID: "session_id resident_id", _CODE: "state", _OFFICE: "decided_by"},
    "guest_pass": {_ID: "pass_id token_hash resident_id made_by stalls_json", _CODE: "payer"},
    "ledger_account": {_ID: "ledger_account_id", _CODE: "kind currency"},
    "ledger_head": {_PROOF: "hash public_key signature"},
    "ledger_transaction": {
        _ID: "transaction_id reverses",
        _CODE: "kind",
        _OFFICE: "actor",
        _LAW: "reason",
        _PROOF: "previous_hash hash",
    },
    "member_group": {_ID: "account_id", _HOUSE: "group_name"},
    "membership": {_ID: "membership_id resident_id account_id unit_id", _OFFICE: "made_by"},
    "meter_epoch": {_HOUSE: "stall_id reason serial"},
    "money_rule": {_HOUSE: "name from_month value_json", _OFFICE: "changed_by"},
    "office_person": {_OFFICE: "person_id name role ha_user_id invite_hash made_by"},
    "office_session": {_OFFICE: "token_mac user_id name csrf role person_id"},
    "office_ticket": {_OFFICE: "ticket_hash user_id name"},
    "payment": {_ID: "payment_id account_id statement_id", _CODE: "rail currency", _LAW: "external_id"},
    "payment_operation": {
        _ID: "operation_id account_id statement_id idempotency_key",
        _CODE: "kind currency state error_code",
    },
    "period": {_HOUSE: "month", _OFFICE: "closed_by"},
    "plan": {_HOUSE: "plan_id name kind family vat", _OFFICE: "made_by"},
    "plan_assignment": {_ID: "assignment_id plan_id account_id", _HOUSE: "group_name", _OFFICE: "made_by"},
    "posting": {_ID: "ledger_account_id", _CODE: "currency"},
    "price_slot": {_HOUSE: "series price"},
    "reach_check": {_HOUSE: "address"},
    "record": {_ID: "incarnation", _CODE: "kind", _LAW: "body_json"},
    "remainder": {_ID: "item_id account_id", _CODE: "month"},
    "resident": {_ID: "resident_id unit_id account_id"},
    "restore_drill": {_HOUSE: "copy found", _PROOF: "head"},
    "series": {_CODE: "prefix"},
    "session": {
        _ID: "session_id stall_id resident_id tariff_version credential_id account_id",
        _CODE: "credential_kind mode stop_reason",
    },
    "signed_meter_value": {
        _ID: "session_id",
        _CODE: "format result",
        "the meter's own evidence, byte for byte, kept with the statement it proves": "text public_key",
    },
    "slice": {_ID: "session_id stall_id"},
    "slice_seal": {_PROOF: "digests"},
    "slice_source": {_CODE: "solar_guessed battery_guessed"},
    "solar_bank": {_ID: "account_id", _CODE: "month earned last"},
    "stall": {_HOUSE: "stall_id name connector lock_quality qr_code"},
    "stall_holder": {_ID: "stall_id account_id", _CODE: "from_day"},
    "statement": {
        _ID: "statement_id account_id corrects",
        _CODE: "month currency kind",
        _ISSUED: "number reference document_json",
        _PROOF: "sha256",
    },
    "statement_cdr": {_ID: "cdr_id statement_id"},
    "statement_charge": {_ID: "charge_id statement_id"},
    "statement_file": {_ID: "statement_id", _CODE: "kind", _ISSUED: "content", _PROOF: "sha256"},
    "stripe_event": {_ID: "event_id", _CODE: "type"},
    "tariff": {_HOUSE: "version_id ocpi_json family"},
    "tariff_withdrawn": {_ID: "version_id", _OFFICE: "withdrawn_by"},
    "unit": {_HOUSE: "unit_id name"},
    "unit_share": {_ID: "unit_id", _CODE: "from_day"},
    "unknown_card": {_HOUSE: "unknown_id stall_id tail"},
    "utility_bill": {_HOUSE: "bill_id number from_day to_day", _OFFICE: "made_by"},
}
KEPT: dict[tuple[str, str], str] = {
    (table, column): why
    for table, reasons in _KEPT.items()
    for why, columns in reasons.items()
    for column in columns.split()
}
"""Why a text stays: by table and column."""
