"""E-mails as a mail server on a real socket gets them."""

from datetime import UTC, datetime
from pathlib import Path
import ssl
from typing import Any

import pytest

from evshare_app.delivery.mail import Mail, Mailer
from evshare_app.delivery.outcome import Fate, Outcome
from tests.app.delivery.mailbox import SENDER, Mailbox, mail_server
from tests.app.delivery.phone import server_side

NOW = datetime(2026, 7, 2, 16, 30, tzinfo=UTC)


def mail(**changes: str) -> Mail:
    chosen: dict[str, Any] = {
        "to": "ada@example.org",
        "subject": "Lindenhof: Stall 2 ist frei für Sie",
        "text": "Stall 2 ist frei für Sie\n\nEr ist bis 17:20 für Sie freigehalten.\n",
        "mail_id": "0123456789abcdef",
        "written": NOW,
    }
    return Mail(**(chosen | changes))


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


async def test_an_e_mail_is_plain_text_from_the_house(mailbox: Mailbox) -> None:
    async with mail_server(mailbox) as settings:
        outcome = await Mailer(settings(), "Lindenhof").send(mail())
    assert outcome.fate is Fate.SENT
    [got] = mailbox.mails
    assert got["From"] == f"Lindenhof <{SENDER}>"
    assert got["To"] == "ada@example.org"
    assert got["Subject"] == "Lindenhof: Stall 2 ist frei für Sie"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"] == "<0123456789abcdef@lindenhof.example>"
    assert got.get_content_type() == "text/plain"
    assert "bis 17:20 für Sie freigehalten" in got.get_content()


async def test_a_password_goes_only_over_tls(mailbox: Mailbox, tmp_path: Path) -> None:
    server, client = server_side(tmp_path, "127.0.0.1")
    options = {"tls_context": server, "authenticator": mailbox.sign_in, "auth_required": True, "require_starttls": True}
    async with mail_server(mailbox, **options) as settings:
        signed_in = settings(tls="starttls", user="house", password="secret")
        assert (await Mailer(signed_in, "Lindenhof", client).send(mail())).fate is Fate.SENT
        assert mailbox.encrypted == [True]
        assert mailbox.signed_in == [b"house"]
        # A wrong password is the owner's to mend, so the mail waits.
        wrong = settings(tls="starttls", user="house", password="wrong")
        outcome = await Mailer(wrong, "Lindenhof", client).send(mail())
        assert outcome.fate is Fate.LATER
        assert "wrong" not in repr(outcome)
        # And one who cannot show whose server it is gets no password at all.
        mailbox.signed_in.clear()
        outcome = await Mailer(signed_in, "Lindenhof").send(mail())
        assert outcome.fate is Fate.LATER
        assert outcome.reason.startswith("untrusted: ")
        assert mailbox.signed_in == []


async def test_where_tls_is_asked_for_nothing_is_sent_without_it(mailbox: Mailbox) -> None:
    async with mail_server(mailbox) as settings:
        outcome = await Mailer(settings(tls="starttls"), "Lindenhof", ssl.create_default_context()).send(mail())
    assert outcome.fate is Fate.LATER
    assert outcome.reason.startswith("untrusted: ")
    assert mailbox.mails == []


async def test_tls_from_the_first_byte_on(mailbox: Mailbox, tmp_path: Path) -> None:
    server, client = server_side(tmp_path, "127.0.0.1")
    async with mail_server(mailbox, ssl_context=server) as settings:
        outcome = await Mailer(settings(tls="tls"), "Lindenhof", client).send(mail())
    assert outcome.fate is Fate.SENT
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    ("rcpt", "data", "fate"),
    [
        ("550 No such user", "250 OK", Fate.GONE),
        ("450 Mailbox busy", "250 OK", Fate.LATER),
        ("250 OK", "451 Try again", Fate.LATER),
        ("250 OK", "554 Looks like spam", Fate.REFUSED),
    ],
)
async def test_what_the_server_answers_decides_whether_it_is_tried_again(
    mailbox: Mailbox, rcpt: str, data: str, fate: Fate
) -> None:
    mailbox.answer_rcpt, mailbox.answer_data = rcpt, data
    async with mail_server(mailbox) as settings:
        assert (await Mailer(settings(), "Lindenhof").send(mail())).fate is fate


async def test_a_server_that_is_not_there_is_tried_again(mailbox: Mailbox) -> None:
    async with mail_server(mailbox) as settings:
        gone = settings()
    outcome: Outcome = await Mailer(gone, "Lindenhof").send(mail())
    assert outcome.fate is Fate.LATER
    assert outcome.reason.startswith("unreached: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "ada@example.org\r\nBcc: all@example.org"},
        {"to": "ada@example.org, bo@example.org"},
        {"to": "no address"},
        {"to": ""},
    ],
)
async def test_an_address_that_is_none_is_not_sent_to(mailbox: Mailbox, changes: dict[str, str]) -> None:
    async with mail_server(mailbox) as settings:
        assert (await Mailer(settings(), "Lindenhof").send(mail(**changes))).fate is Fate.REFUSED
    assert mailbox.mails == []


async def test_names_cannot_write_headers(mailbox: Mailbox) -> None:
    async with mail_server(mailbox) as settings:
        house = "Lindenhof\r\nBcc: all@example.org"
        await Mailer(settings(), house).send(mail(subject="Stall 2\r\nBcc: all@example.org"))
    [got] = mailbox.mails
    assert got["Bcc"] is None
    assert got["Subject"] == "Stall 2 Bcc: all@example.org"
    assert b"\nBcc" not in mailbox.raw[0]
