"""Sending an e-mail: plain text, by the owners' own mail server, encrypted wherever a password goes along."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
import logging
import re
import ssl

import aiosmtplib

from ..resident.mail_trouble import Trouble, trouble_text
from ..settings import SmtpSettings
from .outcome import SENT, Fate, Outcome

_LOGGER = logging.getLogger(__name__)

_TIMEOUT_S = 30
_NO_SUCH_MAILBOX = (550, 551, 553)
_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")
_MOST_SAID = 200


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One e-mail."""

    to: str
    subject: str
    text: str
    mail_id: str
    """The same at each try, so that a mailbox may see that it has it."""
    written: datetime


class Mailer:
    """Sends e-mails for the house."""

    def __init__(self, settings: SmtpSettings, house: str, trusted: ssl.SSLContext | None = None) -> None:
        """`trusted` is whose certificates are believed, None for what the system believes."""
        self._settings = settings
        self._house = house
        self._trusted = trusted

    async def send(self, mail: Mail) -> Outcome:
        """Send one e-mail."""
        settings = self._settings
        try:
            message = self._message(mail)
        except ValueError, IndexError, MessageError:
            return Outcome(fate=Fate.REFUSED, reason="the address cannot be used")
        try:
            await aiosmtplib.send(
                message,
                sender=settings.sender,
                recipients=[mail.to],
                hostname=settings.host,
                port=settings.port,
                username=settings.user,
                password=settings.password,
                use_tls=settings.tls == "tls",
                # Without TLS nothing is sent where it is asked for, be it that a server says it has none.
                start_tls=settings.tls == "starttls",
                tls_context=self._trusted,
                timeout=_TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return self._not_taken(max(refused.recipients, key=lambda one: one.code))
        except aiosmtplib.SMTPResponseException as problem:
            return self._turned_away(problem)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as problem:
            _LOGGER.warning("The mail server could not be used: %s", type(problem).__name__)
            what = Trouble.UNTRUSTED if _is_about_tls(problem) else Trouble.UNREACHED
            return Outcome(fate=Fate.LATER, reason=trouble_text(what, self._plain(str(problem))))
        return SENT

    def _not_taken(self, problem: aiosmtplib.SMTPRecipientRefused) -> Outcome:
        """Return what became of an e-mail whose mailbox was refused: the mailbox's fault, or the house's."""
        code = problem.code
        # RFC 3463 3.8: 5.7 is security or policy, such as a server that takes no e-mail from us for others.
        if code >= 500 and problem.message.lstrip().startswith("5.7."):
            return Outcome(fate=Fate.REFUSED, reason=trouble_text(Trouble.REFUSED, self._answer(problem)))
        if code in _NO_SUCH_MAILBOX:
            return Outcome(fate=Fate.GONE, reason=f"the mailbox was refused ({code})")
        return Outcome(fate=Fate.LATER if code < 500 else Fate.REFUSED, reason=f"the mailbox was not taken ({code})")

    def _turned_away(self, problem: aiosmtplib.SMTPResponseException) -> Outcome:
        """Return what became of an e-mail that the server did not take, whoever it was for."""
        if problem.code < 500:
            return Outcome(fate=Fate.LATER, reason=trouble_text(Trouble.BUSY, self._answer(problem)))
        if isinstance(problem, aiosmtplib.SMTPAuthenticationError):
            _LOGGER.error("The mail server refused user name or password (%s)", problem.code)
            return Outcome(fate=Fate.LATER, reason=trouble_text(Trouble.SIGN_IN, self._answer(problem)))
        # What it says of the e-mail itself it would say again; of us, the owner may see to it.
        fate = Fate.REFUSED if isinstance(problem, aiosmtplib.SMTPDataError) else Fate.LATER
        return Outcome(fate=fate, reason=trouble_text(Trouble.REFUSED, self._answer(problem)))

    def _answer(self, problem: aiosmtplib.SMTPResponseException) -> str:
        return self._plain(f"{problem.code} {problem.message}")

    def _plain(self, said: str) -> str:
        """Return what somebody else said in one line, without our secrets and without anybody's address."""
        for secret in (self._settings.password, self._settings.user):
            if secret:
                for form in (secret, b64encode(secret.encode()).decode()):
                    said = said.replace(form, "…")
        return "".join(one for one in " ".join(_ADDRESS.sub("…", said).split()) if one.isprintable())[:_MOST_SAID]

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(display_name=" ".join(self._house.split()), addr_spec=self._settings.sender)
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = " ".join(mail.subject.split())
        message["Date"] = format_datetime(mail.written)
        message["Message-ID"] = f"<{mail.mail_id}@{self._settings.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message


def _is_about_tls(problem: BaseException) -> bool:
    causes = (problem, problem.__cause__, problem.__context__)
    return any(isinstance(one, ssl.SSLError) for one in causes) or "STARTTLS" in str(problem)
