"""Lindenhof with two months behind it: closed, paid, signed, and exported through the product."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
import shutil

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
import pytest
from sqlalchemy import Connection, Engine, select

from evshare_app.books import schema
from evshare_app.books.engine import create_books_engine
from evshare_app.export.make import export_building, export_resident
from evshare_app.ledger.evidence import keep_signed
from evshare_app.ledger.heads import LedgerKey, rotate, sign_head
from evshare_app.ledger.seals import seal_all
from evshare_app.model import Month, ResidentId, SessionId, StatementId
from evshare_app.payment.bank import record_transfer
from evshare_app.statement.files import frozen_document, keep_files, render_files
from evshare_app.tariff.store import add_version, flat_tariff
from tests.app.statement.lindenhof import Cut, add_session, add_unattributed, open_engine, settle_in
from tests.app.statement.steps import close_month

MAY_20 = datetime(2026, 5, 20, 18, tzinfo=UTC)
JUNE_12 = datetime(2026, 6, 12, 18, tzinfo=UTC)
JULY_2 = datetime(2026, 7, 2, 8, tzinfo=UTC)
KEY = LedgerKey(b"b" * 32)
METER = ec.derive_private_key(0x5EED, ec.SECP256R1())
METER_KEY = METER.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
OCMF_PAYLOAD = (
    '{"FV":"1.0","GI":"Test","GS":"1","PG":"T1","MS":"17510001","IS":true,"IT":"ISO14443","ID":"04AB",'
    '"RD":[{"TM":"2026-05-20T20:00:00,000+0200 S","TX":"B","RV":1204.500, "RI":"1-b:1.8.0","RU":"kWh","ST":"G"},'
    '{"TM":"2026-05-20T21:00:00,000+0200 S","TX":"E","RV":1209.500}]}'
)


def ocmf_text(payload: str = OCMF_PAYLOAD) -> str:
    """Sign like a meter. JSON is written as no program of ours would write it."""
    signature = METER.sign(payload.encode(), ec.ECDSA(SHA256())).hex()
    return f'OCMF|{payload}|{{"SA": "ECDSA-secp256r1-SHA256", "SD":"{signature}"}}'


@dataclass
class Lindenhof:
    """The books, their key and where exports go."""

    engine: Engine
    key: LedgerKey
    folder: Path

    def resident(self, resident_id: str = "jana") -> Path:
        path = self.folder / f"{resident_id}.zip"
        with self.engine.begin() as conn:
            export_resident(conn, ResidentId(resident_id), self.key, path, JULY_2)
        return path

    def building(self) -> Path:
        path = self.folder / "building.zip"
        with self.engine.begin() as conn:
            export_building(conn, self.key, path, JULY_2)
        return path


def live_two_months(conn: Connection, key: LedgerKey) -> None:
    """May is closed and Jana pays it, the key changes, June is closed; a last session is not billed yet."""
    settle_in(conn)
    april = datetime(2026, 4, 1, tzinfo=UTC)
    taxed = add_version(conn, flat_tariff("EUR", Decimal("0.2852"), Decimal(19), april), april, april).version_id
    add_session(conn, "s1", MAY_20, [Cut(15, 1500), Cut(15, 1500), Cut(30, 2000)])
    add_session(conn, "s2", MAY_20 + timedelta(hours=2), [Cut(15, 2510)], resident="timo")
    add_unattributed(conn, MAY_20 + timedelta(hours=3), 40)
    add_session(
        conn, "s3", MAY_20 + timedelta(hours=4), [Cut(60, 7001)], resident="ada", stall="stall-2", tariff_version=taxed
    )
    keep_signed(conn, SessionId("s1"), ocmf_text(), METER_KEY, MAY_20 + timedelta(hours=1))
    for statement_id in close_month(conn, Month(2026, 5), "office:maria", datetime(2026, 6, 1, 8, tzinfo=UTC)):
        keep_files(conn, statement_id, render_files(frozen_document(conn, statement_id)), JUNE_12)
    seal_all(conn, datetime(2026, 6, 1, 9, tzinfo=UTC))
    sign_head(conn, key, datetime(2026, 6, 1, 9, tzinfo=UTC))
    weber = select(schema.statement.c.statement_id, schema.statement.c.gross_minor).where(
        schema.statement.c.account_id == "acc-weber"
    )
    statement_id, gross = conn.execute(weber).one()
    paid = datetime(2026, 6, 5, tzinfo=UTC)
    record_transfer(
        conn,
        amount_minor=gross,
        currency="EUR",
        external_id="SEPA-1",
        at=paid,
        actor="office:maria",
        now=paid,
        statement_id=StatementId(statement_id),
    )
    add_session(conn, "s4", JUNE_12, [Cut(15, 3001), Cut(15, 0, suspended=True)], tariff_version=taxed)
    close_month(conn, Month(2026, 6), "office:maria", datetime(2026, 7, 1, 8, tzinfo=UTC))
    add_session(conn, "s5", datetime(2026, 7, 1, 20, tzinfo=UTC), [Cut(15, 900)])


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The books, lived in once and copied for whoever needs them."""
    path = tmp_path_factory.mktemp("lived") / "books.db"
    engine = open_engine(path)
    with engine.begin() as conn:
        old = LedgerKey(b"a" * 32)
        live_two_months(conn, old)
        rotate(conn, old, KEY, JULY_2 - timedelta(hours=1))
    engine.dispose()
    return path


@contextmanager
def opened(lived: Path, folder: Path) -> Iterator[Lindenhof]:
    shutil.copy(lived, folder / "books.db")
    engine = create_books_engine(folder / "books.db")
    try:
        yield Lindenhof(engine=engine, key=KEY, folder=folder)
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def lindenhof(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lindenhof]:
    """Nobody changes it."""
    with opened(lived, tmp_path_factory.mktemp("lindenhof")) as house:
        yield house


@pytest.fixture
def own_lindenhof(lived: Path, tmp_path: Path) -> Iterator[Lindenhof]:
    """One to change."""
    with opened(lived, tmp_path) as house:
        yield house
