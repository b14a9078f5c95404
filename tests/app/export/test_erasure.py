"""Erasing a person takes who they were, and leaves books that still add up."""

import pytest
from sqlalchemy import LargeBinary, String, func, select, text, update

from evshare_app.books import schema
from evshare_app.books.access_tables import guest_pass, notice, notice_delivery
from evshare_app.books.schema import metadata
from evshare_app.ledger.heads import verify_books
from evshare_app.ledger.ledger import post
from evshare_app.ledger.templates import Event, paid
from evshare_app.model import ResidentId
from evshare_app.resident.erasure import EraseRefused, erase, is_erased, reason_against
from evshare_app.resident.personal import KEPT, OF_ACCOUNT, OF_RESIDENT
from evshare_app.verifier.evshare_verify import verify
from tests.app.export.conftest import JULY_2

ADA = ResidentId("ada")


def test_every_text_of_every_table_is_decided_once():
    """A new column fails here until `personal.py` says what becomes of it when a person is erased."""
    texts = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.c
        if isinstance(column.type, String | LargeBinary) and (column.name != "building_id" or table.name == "building")
    }
    deleted = {(part.table.name, column.name) for part in OF_RESIDENT if part.blanks is None for column in part.table.c}
    blanked = {(part.table.name, name) for part in (*OF_RESIDENT, *OF_ACCOUNT) for name in part.blanks or ()}
    assert texts - deleted - blanked - KEPT.keys() == set(), "not decided"
    assert KEPT.keys() - texts == set(), "decided, and not there"
    assert KEPT.keys() & (deleted | blanked) == set(), "decided twice"


def test_secrets_and_blanks_name_columns_that_are_there():
    for part in (*OF_RESIDENT, *OF_ACCOUNT):
        assert part.secret | set(part.blanks or ()) <= set(part.table.c.keys())


@pytest.fixture
def house(own_lindenhof):
    """Ada is gone, has a phone, a pass and news, and has paid."""
    with own_lindenhof.engine.begin() as conn:
        conn.execute(
            update(schema.resident)
            .where(schema.resident.c.resident_id == ADA)
            .values(removed_ms=1, email="ada@example.org", ha_user_id="u-ada", language="de")
        )
        conn.execute(
            update(schema.account)
            .where(schema.account.c.account_id == "acc-okafor")
            .values(address="Lindenstraße 7", stripe_customer="cus_ada", card_label="Visa 4242")
        )
        conn.execute(
            schema.device.insert().values(
                building_id="b1",
                device_id="d1",
                token_mac="mac",
                resident_id=ADA,
                label="Ada's phone",
                created_ms=1,
                seen_ms=1,
                expires_ms=2,
            )
        )
        conn.execute(
            guest_pass.insert().values(
                building_id="b1",
                pass_id="p1",
                token_hash="h",
                label="Uncle Obi",
                made_by="resident:ada",
                resident_id=ADA,
                payer="host",
                uses=1,
                created_ms=1,
                expires_ms=2,
            )
        )
        conn.execute(
            notice.insert().values(
                building_id="b1", notice_id="n1", resident_id=ADA, kind="x", body_json='{"Ada":1}', created_ms=1
            )
        )
        conn.execute(
            notice_delivery.insert().values(
                building_id="b1", notice_id="n1", channel="email", target="account", state="sent", next_ms=1
            )
        )
        _pay(conn)
    return own_lindenhof


def _pay(conn):
    # 7.001 kWh at 0.2852 is 1.9967 net, 2.3760 with 19 % VAT.
    event = Event(transaction_id="payment:cash-1", occurred=JULY_2, actor="office", reason="cash", currency="EUR")
    post(conn, paid(event, "acc-okafor", 238, "1300"), JULY_2)
    conn.execute(
        schema.payment.insert().values(
            building_id="b1",
            payment_id="cash-1",
            rail="cash",
            external_id="cash-1",
            account_id="acc-okafor",
            amount_minor=238,
            currency="EUR",
            at_ms=1,
            note="from Ada at the door",
        )
    )


def test_names_go_and_the_books_still_add_up(house):
    with house.engine.begin() as conn:
        done = erase(conn, ADA)
        assert done.accounts == ("acc-okafor",)
        assert done.stripe_customers == ("cus_ada",)
        assert is_erased(conn, ADA)
        assert verify_books(conn).ok
    report = verify(str(house.building()))
    assert report.wrong == []


def test_only_issued_documents_still_hold_the_name(house):
    with house.engine.begin() as conn:
        erase(conn, ADA)
        found = set()
        for table in metadata.tables.values():
            for column in table.c:
                if isinstance(column.type, String | LargeBinary):
                    for value in conn.scalars(select(column)):
                        said = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                        if any(name in said for name in ("Ada", "Okafor", "Obi", "example.org", "Visa", "cus_ada")):
                            found.add(f"{table.name}.{column.name}")
    assert found == {"statement.document_json", "statement_file.content"}


def test_others_are_left_alone(house):
    with house.engine.begin() as conn:
        erase(conn, ADA)
        assert conn.scalars(select(schema.resident.c.name).order_by(schema.resident.c.resident_id)).all() == [
            "—",
            "Jana Weber",
            "Timo Weber",
        ]
        assert set(conn.scalars(select(schema.account.c.name))) == {"—", "Familie Weber"}


def test_a_household_keeps_its_name_while_somebody_is_left(house):
    with house.engine.begin() as conn:
        conn.execute(update(schema.resident).where(schema.resident.c.resident_id == "timo").values(removed_ms=1))
        assert erase(conn, ResidentId("timo")).accounts == ()
        assert "Familie Weber" in conn.scalars(select(schema.account.c.name)).all()


def test_erasing_twice_changes_nothing_more(house):
    with house.engine.begin() as conn:
        erase(conn, ADA)
        before = conn.scalar(select(func.count()).select_from(schema.device))
        erase(conn, ADA)
        assert conn.scalar(select(func.count()).select_from(schema.device)) == before == 0


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE resident SET removed_ms = NULL", "still_there"),
        ("UPDATE session SET ended_ms = NULL WHERE session_id = 's3'", "charging"),
        ("INSERT INTO dispute VALUES ('b1', 's3', 'ada', 1, 'not mine', 'open', NULL, NULL, NULL)", "disputes"),
        ("UPDATE session SET ended_ms = 1893456000000 WHERE session_id = 's3'", "not_billed"),
        ("SELECT 1", None),
    ],
)
def test_who_is_not_done_with_the_building_is_not_erased(house, sql, why):
    with house.engine.begin() as conn:
        conn.execute(text(sql))
        assert reason_against(conn, ADA) == why
        if why is not None:
            with pytest.raises(EraseRefused, match=why):
                erase(conn, ADA)
            assert not is_erased(conn, ADA)


def test_who_owes_or_is_owed_money_is_not_erased(own_lindenhof):
    with own_lindenhof.engine.begin() as conn:
        conn.execute(update(schema.resident).values(removed_ms=1))
        assert reason_against(conn, ADA) == "owes"
        _pay(conn)
        assert reason_against(conn, ADA) is None
        event = Event(transaction_id="again", occurred=JULY_2, actor="office", reason="cash", currency="EUR")
        post(conn, paid(event, "acc-okafor", 1, "1300"), JULY_2)
        assert reason_against(conn, ADA) == "has_money"
        assert reason_against(conn, ResidentId("nobody")) == "unknown"
