"""Sending an e-mail: plain text, by the owners' own mail server, encrypted wherever a password goes along."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
import logging
import ssl

import aiosmtplib

from ..settings import SmtpSettings
from .outcome import SENT, Fate, Outcome

_LOGGER = logging.getLogger(__name__)

_TIMEOUT_S = 30
_NO_SUCH_MAILBOX = (550, 551, 553)


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
            return _refused(max((one.code for one in refused.recipients), default=500))
        except aiosmtplib.SMTPAuthenticationError as problem:
            _LOGGER.error("The mail server refused user name or password (%s)", problem.code)
            return Outcome(fate=Fate.LATER, reason=f"the mail server refused the sign-in ({problem.code})")
        except aiosmtplib.SMTPResponseException as problem:
            return _refused(problem.code)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as problem:
            _LOGGER.warning("The mail server could not be used: %s", type(problem).__name__)
            return Outcome(fate=Fate.LATER, reason=f"not reached ({type(problem).__name__})")
        return SENT

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


def _refused(code: int) -> Outcome:
    if code in _NO_SUCH_MAILBOX:
        return Outcome(fate=Fate.GONE, reason=f"the mailbox was refused ({code})")
    return Outcome(fate=Fate.LATER if code < 500 else Fate.REFUSED, reason=f"the mail server said {code}")
