"""A mail server on loopback (aiosmtpd), which keeps what it gets and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
import ssl
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from evshare_app.settings import SmtpSettings

SENDER = "charging@lindenhof.example"


class Mailbox:
    """What aiosmtpd hands over, and what it is to answer."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.signed_in: list[bytes] = []
        self.encrypted: list[bool] = []
        self.answer_rcpt = "250 OK"
        self.answer_data = "250 OK"

    async def handle_RCPT(
        self, _server: object, _session: object, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if self.answer_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_rcpt

    async def handle_DATA(self, _server: object, session: Any, envelope: Any) -> str:
        if self.answer_data.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.raw.append(envelope.content)
            self.encrypted.append(session.ssl is not None)
        return self.answer_data

    def sign_in(self, _server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.signed_in.append(data.login)
        knows = (data.login, data.password) == (b"house", b"secret")
        return AuthResult(success=knows, handled=knows)


type Settings = Callable[..., SmtpSettings]


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, *, ssl_context: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[Settings]:
    """Run a mail server; what it yields makes the settings of a client of it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="mail.example", loop=loop, **options), "127.0.0.1", 0, ssl=ssl_context
    )
    port = server.sockets[0].getsockname()[1]
    chosen: dict[str, Any] = {"host": "127.0.0.1", "port": port, "tls": "none", "sender": SENDER}
    try:
        yield lambda **changes: SmtpSettings(**(chosen | changes))
    finally:
        server.close()
