"""Law profiles are data: what they want is printed and warned of, and nothing is claimed to conform."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from evshare_app.books import schema
from evshare_app.books.accounting_tables import signed_meter_value
from evshare_app.i18n import LANGUAGES
from evshare_app.statement import house_rules
from evshare_app.statement.files import HTML, kept_file
from evshare_app.statement.findings import findings
from evshare_app.statement.house_rules import RuleError, law_profile, open_month, set_rule
from evshare_app.statement.law_profile import law_profiles
from tests.app.statement.costs import AUGUST_1, JULY, JULY_1, JUNE, OKAFOR, berlin, hold
from tests.app.statement.lindenhof import BUILDING, Cut, add_session
from tests.app.statement.steps import close_month

MAY = datetime(2026, 5, 20, tzinfo=UTC)


def page(conn, month):
    found = select(schema.statement.c.statement_id).where(schema.statement.c.month == str(month))
    return kept_file(conn, conn.scalar(found), HTML).decode()


def test_every_profile_speaks_every_language_and_promises_nothing():
    assert sorted(law_profiles()) == ["de", "generic"]
    for profile in law_profiles().values():
        for language in LANGUAGES:
            assert profile.name[language]
            said = " ".join(profile.texts(language))
            assert said
            assert "~" not in said
    assert law_profiles()["de"].metrology == "eichrecht"
    assert law_profiles()["de"].surcharge_locked
    assert "beansprucht keine Eichrechtskonformität" in " ".join(law_profiles()["de"].texts("de"))


def test_statements_say_what_the_profile_wants_from_the_month_it_was_chosen_for(conn):
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 5_000)])
    add_session(conn, "s2", berlin(3, 18, month=7), [Cut(60, 5_000)])
    close_month(conn, JUNE, "m", JULY_1)
    set_rule(conn, "law", open_month(conn), {"profile": "de"}, "m", JULY_1)
    close_month(conn, JULY, "m", AUGUST_1)
    assert "no proof in the sense of any metrology law" in page(conn, JUNE)
    assert "Measures and Verification Act" in page(conn, JULY)
    assert (law_profile(conn, JUNE).code, law_profile(conn, JULY).code) == ("generic", "de")


def test_an_unknown_profile_is_named(conn):
    with pytest.raises(RuleError, match="profile: got 'atlantis', accepted are de, generic"):
        set_rule(conn, "law", JUNE, {"profile": "atlantis"}, "m", MAY)


def test_where_energy_may_not_be_sold_by_the_kilowatt_hour_such_a_price_is_named(conn, monkeypatch):
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 5_000)])
    forbids = replace(law_profiles()["generic"], code="none", per_kwh=False)
    monkeypatch.setattr(house_rules, "law_profiles", lambda: {"generic": forbids})
    assert [one.what.text() for one in findings(conn, JUNE, JULY_1)] == ["Tariff default has a price per kWh."]


def test_where_calibrated_meters_are_wanted_stalls_whose_meters_signed_nothing_are_named(conn):
    for number in (1, 2, 3):
        add_session(conn, f"s{number}", berlin(3, 18 + number), [Cut(60, 5_000)])
    add_session(conn, "s4", berlin(3, 18), [Cut(60, 5_000)], resident="ada", stall="stall-2")
    for session_id, result in (("s1", "valid"), ("s2", "invalid")):
        conn.execute(
            insert(signed_meter_value).values(
                building_id=BUILDING,
                session_id=session_id,
                place=1,
                format="OCMF",
                text="OCMF|{}|{}",
                result=result,
                received_ms=0,
            )
        )
    assert findings(conn, JUNE, JULY_1) == ()
    set_rule(conn, "law", JUNE, {"profile": "de"}, "m", MAY)
    # Stall 2 was shared until somebody got it in June.
    said = [one.what.text() for one in findings(conn, JUNE, JULY_1)]
    assert said == [
        "Sessions at Stall 1 whose energy the meter did not sign: 2.",
        "Sessions at Stall 2 whose energy the meter did not sign: 1.",
    ]
    hold(conn, "stall-2", OKAFOR, "2026-06-10")
    assert [one.what.text() for one in findings(conn, JUNE, JULY_1)] == said[:1]
    hold(conn, "stall-2", None, "2026-06-20")
    assert [one.what.text() for one in findings(conn, JUNE, JULY_1)] == said
