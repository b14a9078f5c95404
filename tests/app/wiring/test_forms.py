"""Every form in which something is typed is shown again as it was filled in; one without a row here fails."""

from pathlib import Path
import re
from unittest.mock import Mock

import evshare_app
from evshare_app.office.roles import Role, may
from evshare_app.office.rooms import office_routes
from evshare_app.portal.rooms import portal_routes

ROOT = Path(evshare_app.__file__).parent
OFFICE = "/office/"
# Where each form is sent to, by the template it stands in.
FORMS = {
    "office/account.html": ["POST /office/accounts/{id}/top-up", "POST /office/accounts/{id}"],
    "office/accounts.html": ["POST /office/units/{id}", "POST /office/accounts", "POST /office/units"],
    "office/bills.html": ["POST /office/bills"],
    "office/card.html": ["POST /office/cards/{id}", "POST /office/cards/{id}/money"],
    "office/cards.html": ["POST /office/cards/unknown/{id}", "POST /office/cards/learn"],
    "office/costs.html": [
        "POST /office/costs/{id}/end",
        "POST /office/costs/energy",
        "POST /office/costs/solar",
        "POST /office/costs/add",
    ],
    "office/data.html": ["POST /office/data/erase"],
    "office/disputes.html": ["POST /office/disputes/{id}/uphold"],
    "office/guests.html": ["POST /office/guests"],
    "office/ledger_signatures.html": ["POST /office/ledger/key"],
    "office/month.html": ["POST /office/statements/{id}/transfer"],
    "office/plans.html": ["POST /office/groups", "POST /office/plans"],
    "office/resident.html": ["POST /office/residents/{id}"],
    "office/resident_cards.html": ["POST /office/residents/{id}/card"],
    "office/resident_moving.html": ["POST /office/residents/{id}/moving"],
    "office/resident_rules.html": ["POST /office/residents/{id}/rules"],
    "office/settings.html": ["POST /office/settings"],
    "office/sheets.html": ["GET /office/sheets/stickers"],
    "office/statement_parts.html": ["POST /office/statements/{id}/credit", "POST /office/statements/{id}/correct"],
    "office/tags.html": ["POST /office/tags"],
    "office/tariff_new.html": ["POST /office/tariff"],
    "office/team.html": ["POST /office/team/invite", "POST /office/team/user"],
    "portal/cards.html": ["POST /cards/add"],
    "portal/dispute.html": ["POST /sessions/{id}/dispute"],
    "portal/guests.html": ["POST /guests"],
    "portal/own_card.html": ["POST /cards/{id}/name", "POST /cards/{id}/quiet"],
    "portal/typed_code.html": ["GET /s"],
}
# What is typed here lets somebody in: it is not shown again.
SECRETS = {"portal/guest_entry.html": 1, "portal/guest_pass.html": 2, "portal/invite.html": 1, "office/sign_in.html": 1}
_TYPED = re.compile(
    r'<textarea|guest_form\.html|<input(?![^>]*(?:type="(?:hidden|radio|checkbox)"|readonly))[^>]* name=', re.DOTALL
)


def typed_forms(template: Path) -> int:
    forms = re.findall(r"<form\b.*?</form>", template.read_text(encoding="utf-8"), re.DOTALL)
    return sum(_TYPED.search(form) is not None for form in forms)


def test_every_form_with_typed_fields_has_a_row() -> None:
    found = {
        f"{door}/{template.name}": count
        for door in ("office", "portal")
        for template in sorted((ROOT / door / "templates").glob("*.html"))
        if (count := typed_forms(template))
    }
    assert found == {name: len(sent) for name, sent in FORMS.items()} | SECRETS


def test_every_such_form_names_the_page_it_stands_on() -> None:
    # Rooms only declare their routes; nobody comes through these doors.
    routes = {f"{one.method} {one.path}": one for one in (*portal_routes(Mock()), *office_routes(Mock()))}
    for where in {where for sent in FORMS.values() for where in sent}:
        route = routes[where]
        assert route.form_on, where
        page = routes[f"GET {route.form_on}"]
        # Who may send the form sees its page anyway.
        if route.path.startswith(OFFICE):
            assert all(may(page, role) for role in Role if may(route, role)), where
        else:
            assert page.access in (route.access, "anyone"), where
