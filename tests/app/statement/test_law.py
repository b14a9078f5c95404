"""Law profiles are data: what they want is printed and warned of, and nothing is claimed to conform."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from evshare_app.books import schema
from evshare_app.i18n import LANGUAGES
from evshare_app.statement import house_rules
from evshare_app.statement.close import close_month
from evshare_app.statement.files import HTML, kept_file
from evshare_app.statement.findings import findings
from evshare_app.statement.house_rules import RuleError, law_profile, open_month, set_rule
from evshare_app.statement.law_profile import law_profiles
from tests.app.statement.costs import AUGUST_1, JULY, JULY_1, JUNE, berlin
from tests.app.statement.lindenhof import Cut, add_session

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
