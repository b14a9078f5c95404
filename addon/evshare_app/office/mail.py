"""What the office says when e-mails do not go out."""

from typing import Any

from ..resident.mail_trouble import MailTrouble
from ..settings import SmtpSettings
from .words import MAIL_TROUBLES


def mail_notice(trouble: MailTrouble | None, smtp: SmtpSettings | None) -> dict[str, Any]:
    """Return what `mail_trouble.html` takes; nothing is said of a mail server that is not used any more."""
    if trouble is None or smtp is None:
        return {"mail": None}
    return {"mail": trouble, "mail_words": MAIL_TROUBLES[trouble.what], "mail_host": smtp.host}
