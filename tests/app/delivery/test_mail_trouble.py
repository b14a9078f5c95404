"""What the manager sees when e-mails do not go out: since when, why, how many wait, and nothing once they go again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
import html
from pathlib import Path
import re
from typing import Any

import pytest

from evshare_app.delivery.mail import Mailer
from evshare_app.delivery.outcome import Fate
from evshare_app.resident.mail_trouble import try_mails_now
from evshare_app.settings import SmtpSettings
from tests.app.delivery.mailbox import Mailbox, mail_server
from tests.app.delivery.secure_house import Outside, open_outside
from tests.app.delivery.test_mail import mail
from tests.app.office.telling import told_card


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with open_outside(tmp_path) as opened:
        await opened.give_address("res-2", "bo@example.org")
        yield opened


async def something_to_tell(outside: Outside) -> None:
    """A start by card, which Bo is told by e-mail."""
    integration = outside.furnished.integration
    await integration.cards([told_card(1, "res-2", label="Blue tag")], [])
    delivered = len(integration.journal)
    integration.begin("stall-2", "res-2", outside.furnished.house.clock.now, credential_id="card-1")
    await integration.deliver(delivered)


async def office_says(outside: Outside, path: str = "/office") -> str:
    """What the notice says, without its markup; empty where there is none."""
    found = re.search(r'<div class="note bad" role="status">(.*?)</div></div>', await _text(outside, path), re.DOTALL)
    return html.unescape(" ".join(re.sub("<[^>]+>", " ", found[1]).split())) if found else ""


async def _text(outside: Outside, path: str) -> str:
    return (await outside.furnished.office.get(path)).text


def goes_by(outside: Outside, smtp: SmtpSettings) -> None:
    """Have the app send by another mail server."""
    outside.furnished.house.app.courier._mailer = lambda house: Mailer(smtp, house)


def own_server(outside: Outside, **changes: Any) -> SmtpSettings:
    smtp = outside.furnished.house.app.settings.smtp
    assert smtp is not None
    return replace(smtp, **changes)


async def test_the_office_says_when_the_server_is_not_there_and_no_more_when_it_is_back(outside: Outside) -> None:
    goes_by(outside, own_server(outside, port=1))
    await something_to_tell(outside)
    await outside.deliver()
    for path in ("/office", "/office/residents"):
        said = await office_says(outside, path)
        # 16:30 UTC is 18:30 in Berlin.
        assert re.match(r"No e-mails have gone out since [^.]*\b18:30", said), said
        assert "The mail server 127.0.0.1 cannot be reached." in said
        assert "name and port in the app’s configuration" in said
        assert "1 e-mail waits and goes by itself" in said
        assert "port 1" in said
    # Tried in vain once more, and another comes to wait: since when does not change.
    clock = outside.furnished.house.clock
    clock.advance(minutes=1)
    await something_to_tell(outside)
    await outside.deliver()
    said = await office_says(outside)
    assert "since" in said
    assert "18:30" in said
    assert "2 e-mails wait and go by themselves" in said
    # It is back: the first that goes shows that all can, whenever they would have been tried.
    goes_by(outside, own_server(outside))
    clock.advance(minutes=1)
    await outside.deliver()
    assert await office_says(outside) == ""
    await outside.deliver()
    assert len(outside.mailbox.mails) == 2
    assert await office_says(outside) == ""


async def test_it_is_still_said_when_what_waited_is_no_news_any_more(outside: Outside) -> None:
    goes_by(outside, own_server(outside, port=1))
    await something_to_tell(outside)
    await outside.deliver()
    furnished = outside.furnished
    furnished.house.clock.advance(hours=25)
    await outside.deliver()
    furnished.office = await furnished.house.office(furnished.integration)
    said = await office_says(outside)
    assert "cannot be reached" in said
    assert "1 came to nothing; its text is on the portal." in said
    assert "waits" not in said


async def test_one_mailbox_that_is_refused_is_no_trouble_of_the_house(outside: Outside) -> None:
    outside.mailbox.answer_rcpt = "550 5.1.1 <bo@example.org>: no such user"
    await something_to_tell(outside)
    await outside.deliver()
    assert await outside.deliveries() == [("email", "failed", 1)]
    assert await office_says(outside) == ""


async def test_a_server_that_puts_off_is_given_a_quarter_of_an_hour(outside: Outside) -> None:
    outside.mailbox.answer_data = "451 4.7.1 Greylisted, try again"
    await something_to_tell(outside)
    await outside.deliver()
    assert await office_says(outside) == ""
    for minutes in (1, 5, 15):
        outside.furnished.house.clock.advance(minutes=minutes)
        await outside.deliver()
    said = await office_says(outside)
    assert "puts the e-mails off" in said
    assert "451 4.7.1 Greylisted, try again" in said


async def test_a_policy_of_the_server_is_the_houses_trouble_not_the_mailboxs(outside: Outside) -> None:
    # RFC 3463 3.8: X.7.1 is "delivery not authorized, message refused".
    outside.mailbox.answer_rcpt = "550 5.7.1 <bo@example.org>: Relay access denied"
    await something_to_tell(outside)
    await outside.deliver()
    said = await office_says(outside)
    assert "takes no e-mails from here" in said
    assert "550 5.7.1 <…>: Relay access denied" in said
    assert "bo@example.org" not in said


async def test_what_the_server_says_is_shown_without_our_secrets_and_not_at_any_length() -> None:
    mailbox = Mailbox()
    # "secret" is c2VjcmV0 in base64.
    mailbox.answer_data = "554 user house, secret, c2VjcmV0, <b>ada@example.org</b> " + "x" * 300
    async with mail_server(mailbox, authenticator=mailbox.sign_in, auth_require_tls=False) as settings:
        outcome = await Mailer(settings(user="house", password="secret"), "Lindenhof").send(mail())
    assert outcome.fate is Fate.REFUSED
    assert outcome.reason.startswith("refused: 554 user …, …, …, <b>…</b> xxx")
    assert len(outcome.reason) == len("refused: ") + 200


async def test_a_wrong_password_is_told_as_such_and_whoever_mended_it_need_not_wait(outside: Outside) -> None:
    books, clock = outside.furnished.house.app.books, outside.furnished.house.clock
    mailbox = Mailbox()
    async with mail_server(mailbox, authenticator=mailbox.sign_in, auth_require_tls=False) as settings:
        goes_by(outside, settings(user="house", password="wrong"))
        await something_to_tell(outside)
        for minutes in (0, 1, 5):
            clock.advance(minutes=minutes)
            await outside.deliver()
        said = await office_says(outside)
        assert "refuses user name or password. Enter both anew in the app’s configuration." in said
        assert "535 5.7.8" in said
        assert "wrong" not in said
        # The app starts with another password; the next try would have been in a quarter of an hour.
        goes_by(outside, settings(user="house", password="secret"))
        await books.write(partial(try_mails_now, now=clock.now))
        await outside.deliver()
        assert len(mailbox.mails) == 1
    assert await office_says(outside) == ""
