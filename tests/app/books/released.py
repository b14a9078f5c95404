"""Books as earlier versions of the app left them: made by their own migrations, filled with plain SQL.

One household charged 12 kWh for 3.60 in June, got statement 2026-000001 and paid it by transfer. The ledger's hashes
are made here, from what the docs say is hashed, not by the app.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

import evshare_app.books
from evshare_app.books.engine import create_books_engine

RELEASED = ("0001", "0002")

JUNE_2 = 1_780_387_200_000  # 2026-06-02T08:00:00Z
JULY_1 = 1_782_892_800_000  # 2026-07-01T08:00:00Z
HOUR = 3_600_000
B = {"building_id": "b1"}


def released(path: Path, revision: str) -> None:
    """Write the books of a released schema to `path`."""
    engine = create_books_engine(path)
    config = Config()
    config.set_main_option("script_location", str(Path(evshare_app.books.__file__).parent / "migrations"))
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
        _fill(conn)
        if revision >= "0002":
            _fill_0002(conn)
    engine.dispose()


def _put(conn: Connection, table: str, **values: object) -> None:
    names = ", ".join(values)
    holes = ", ".join(f":{name}" for name in values)
    conn.execute(text(f"INSERT INTO {table} ({names}) VALUES ({holes})"), values)


def _fill(conn: Connection) -> None:
    _put(conn, "building", **B, name="Lindenhof", currency="EUR", time_zone="Europe/Berlin", fuse_a=63, language="de")
    _put(
        conn,
        "stall",
        **B,
        stall_id="stall-1",
        name="Stall 1",
        connector="keba_p30",
        max_current_a=16,
        lock_quality="enforced",
        billable=1,
        qr_code="7KQ29X0ABCDEFGHJ",
    )
    _put(conn, "account", **B, account_id="acc-1", name="Familie Weber")
    _put(conn, "unit", **B, unit_id="unit-1", name="Wohnung 1", ownership_share=125)
    _put(conn, "resident", **B, resident_id="jana", name="Jana Weber", account_id="acc-1", unit_id="unit-1")
    tariff = {
        "id": "default",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.30, "step_size": 1}]}],
    }
    _put(conn, "tariff", **B, version_id="default", valid_from_ms=0, created_ms=0, ocpi_json=json.dumps(tariff))
    _put(
        conn,
        "meter_epoch",
        **B,
        stall_id="stall-1",
        number=1,
        started_ms=0,
        register_wh=4_213_877,
        reason="first",
        serial="17619300",
    )
    _put(
        conn,
        "session",
        **B,
        session_id="s1",
        stall_id="stall-1",
        resident_id="jana",
        credential_kind="card",
        mode="fast",
        tariff_version="default",
        authorised_ms=JUNE_2,
        started_ms=JUNE_2,
        ended_ms=JUNE_2 + 2 * HOUR,
        stop_reason="unplugged",
        register_start_wh=4_213_877,
        register_end_wh=4_225_877,
        energy_wh=12_000,
    )
    for number, (start_wh, end_wh) in enumerate(((4_213_877, 4_220_877), (4_220_877, 4_225_877))):
        _put(
            conn,
            "slice",
            **B,
            slice_id=number + 1,
            session_id="s1",
            stall_id="stall-1",
            epoch=1,
            start_ms=JUNE_2 + number * HOUR,
            end_ms=JUNE_2 + (number + 1) * HOUR,
            register_start_wh=start_wh,
            register_end_wh=end_wh,
            charging_s=3600,
            suspended_s=0,
            limit_a=16,
            estimated=0,
        )
    money = {"net_minor": 360, "vat_minor": 0, "gross_minor": 360, "currency": "EUR"}
    _put(
        conn,
        "cdr",
        **B,
        cdr_id="s1",
        session_id="s1",
        account_id="acc-1",
        ended_ms=JUNE_2 + 2 * HOUR,
        energy_wh=12_000,
        ocpi_json="{}",
        **money,
    )
    for account, kind in (("1100", "asset"), ("1400:acc-1", "asset"), ("4000", "income")):
        _put(conn, "ledger_account", **B, ledger_account_id=account, kind=kind, currency="EUR")
    issued = _book(conn, 1, bytes(32), "statement:st1", "statement", JULY_1, [("1400:acc-1", 360), ("4000", -360)])
    _book(conn, 2, issued, "payment:p1", "payment", JULY_1 + HOUR, [("1100", 360), ("1400:acc-1", -360)])
    document = json.dumps({"number": "2026-000001", "ledger_head": issued.hex()[:12]})
    _put(
        conn,
        "statement",
        **B,
        statement_id="st1",
        number="2026-000001",
        account_id="acc-1",
        month="2026-06",
        issued_ms=JULY_1,
        reference="RF18539007547034",
        document_json=document,
        html="<p>3,60 €</p>",
        pdf=b"%PDF-1.7 3,60",
        sha256=hashlib.sha256(document.encode()).hexdigest(),
        **money,
    )
    _put(conn, "statement_cdr", **B, cdr_id="s1", statement_id="st1")
    _put(conn, "period", **B, month="2026-06", closed_ms=JULY_1, closed_by="kim", unattributed_wh=0)
    _put(conn, "series", **B, prefix="", year=2026, last=1)
    paid = {"account_id": "acc-1", "statement_id": "st1", "amount_minor": 360, "currency": "EUR"}
    _put(conn, "payment", **B, payment_id="p1", rail="bank", external_id="e1", at_ms=JULY_1 + HOUR, **paid)
    _put(
        conn,
        "payment_operation",
        **B,
        operation_id="op1",
        kind="collect",
        idempotency_key="evshare:b1:collect:2026-000001:1",
        params_json="{}",
        state="canceled",
        created_ms=JULY_1,
        updated_ms=JULY_1,
        **paid,
    )
    for seq in (1, 2):
        _put(conn, "record", **B, incarnation="j1", seq=seq, kind="denied", at_ms=seq, body_json="{}", received_ms=seq)
    _put(conn, "building_slice", **B, start_ms=JUNE_2, end_ms=JUNE_2 + HOUR, import_wh=9000, estimated=0)
    _put(
        conn,
        "device",
        **B,
        device_id="d1",
        token_mac="aa",
        resident_id="jana",
        label="Pixel",
        created_ms=1,
        seen_ms=2,
        expires_ms=3,
    )


def _fill_0002(conn: Connection) -> None:
    _put(
        conn,
        "card",
        **B,
        card_id="c1",
        resident_id="jana",
        label="Schlüsselbund",
        blocked=0,
        weak=0,
        added_ms=1,
    )


def _book(
    conn: Connection, number: int, previous: bytes, name: str, kind: str, at_ms: int, lines: list[tuple[str, int]]
) -> bytes:
    header: dict[str, Any] = {
        **B,
        "number": number,
        "transaction_id": name,
        "kind": kind,
        "occurred_ms": at_ms,
        "recorded_ms": at_ms,
        "actor": "kim",
        "reason": "Abrechnung",
        "reverses": None,
    }
    postings = [["b1", line, account, minor, "EUR"] for line, (account, minor) in enumerate(lines, 1)]
    content = json.dumps({**header, "postings": postings}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    made = hashlib.sha256(previous + content.encode()).digest()
    _put(conn, "ledger_transaction", **header, previous_hash=previous, hash=made)
    for _, line, account, minor, currency in postings:
        _put(
            conn,
            "posting",
            **B,
            number=number,
            line=line,
            ledger_account_id=account,
            amount_minor=minor,
            currency=currency,
        )
    return made
