"""Passkeys (WebAuthn level 2): who a person is, proven by their phone's lock; nothing that could be copied or phished.

A passkey is registered by a phone that is let in, lets a new phone in, and steps up: for what an unlocked phone in a
stranger's hand must not do, the person proves themself within the last five minutes. Each time a passkey is shown the
authenticator must have verified its person. Challenges are 256 bits, live 120
seconds, work once and only for the browser they were made for. The signatures are checked by `webauthn`; what is its
own here is whose a passkey is and what follows from it.

A counter that goes back says that a passkey may exist twice. Synced passkeys count badly or not at all, so that is
noted and told to the resident, not refused.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
import hashlib
import json
import logging
import secrets
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ..books.access_tables import challenge as challenge_table
from ..books.access_tables import passkey
from ..books.building import the_building
from ..model import ResidentId, to_ms
from ..tokens import TokenKey, digest
from .devices import Device, let_in, note_step_up
from .notices import note
from .people import person

_LOGGER = logging.getLogger(__name__)

REGISTER, SIGN_IN, STEP_UP = "register", "sign_in", "step_up"
CHALLENGE_LIFE = timedelta(seconds=120)
MOST_PASSKEYS = 20
"""Of one resident; more are no person's."""
_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


class PasskeyInvalid(Exception):
    """The browser's answer proves nothing; why is in the message, for the log."""


@dataclass(frozen=True, kw_only=True)
class RelyingParty:
    """Who passkeys are made for: the portal under its one public address."""

    domain: str
    """RP ID: the host people see in their browser."""
    origin: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a browser said to a challenge of ours, which that used up; nothing in it is checked yet."""

    party: RelyingParty
    challenge: bytes
    sent: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PasskeyLine:
    """A passkey in a list."""

    key_id: str
    """A short name for addresses; the credential's own id says more than a page should."""
    label: str
    created_ms: int
    used_ms: int | None
    doubtful: bool


def begin(conn: Connection, purpose: str, holder: str, now: datetime) -> bytes:
    """Make a challenge for one purpose and one browser: `holder` is its phone's id, or what a new one was given."""
    # Old ones go first: whoever asks for many does not fill the books.
    conn.execute(delete(challenge_table).where(challenge_table.c.expires_ms <= to_ms(now)))
    made = secrets.token_bytes(32)
    conn.execute(
        insert(challenge_table).values(
            building_id=the_building(conn).building_id,
            challenge_hash=digest(bytes_to_base64url(made)),
            purpose=purpose,
            device_id=_held_by(holder),
            expires_ms=to_ms(now + CHALLENGE_LIFE),
        )
    )
    return made


def spend(
    conn: Connection, party: RelyingParty, purpose: str, holder: str, *, response: str, now: datetime
) -> Answered | None:
    """Use up the challenge a browser's response answers; None when there is none such.

    It is a transaction of its own: a response that turns out to be wrong has used its challenge up all the same.
    """
    try:
        sent = json.loads(response)
        client_data = json.loads(base64url_to_bytes(sent["response"]["clientDataJSON"]))
        answered = base64url_to_bytes(client_data["challenge"])
        if client_data.get("crossOrigin"):
            # The portal is never inside another site's page; `webauthn` does not look at this.
            return None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        _LOGGER.info("A passkey's response could not be read: %s", type(problem).__name__)
        return None
    used = conn.execute(
        update(challenge_table)
        .where(
            challenge_table.c.challenge_hash == digest(bytes_to_base64url(answered)),
            challenge_table.c.purpose == purpose,
            challenge_table.c.device_id == _held_by(holder),
            challenge_table.c.used_ms.is_(None),
            challenge_table.c.expires_ms > to_ms(now),
        )
        .values(used_ms=to_ms(now))
    )
    return Answered(party=party, challenge=answered, sent=sent) if used.rowcount == 1 else None


def registration_options(conn: Connection, party: RelyingParty, resident_id: ResidentId, made: bytes) -> dict[str, Any]:
    """Return what a browser needs to make a passkey, as JSON."""
    whose = person(conn, resident_id)
    options = generate_registration_options(
        rp_id=party.domain,
        rp_name=party.name,
        user_id=_user_handle(resident_id),
        user_name=whose.name,
        challenge=made,
        timeout=int(CHALLENGE_LIFE.total_seconds() * 1000),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_descriptors(conn, resident_id),
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json_dict(options)


def request_options(
    conn: Connection, party: RelyingParty, resident_id: ResidentId | None, made: bytes
) -> dict[str, Any]:
    """Return what a browser needs to show a passkey: one of a resident's to step up, anyone's to sign in."""
    options = generate_authentication_options(
        rp_id=party.domain,
        challenge=made,
        timeout=int(CHALLENGE_LIFE.total_seconds() * 1000),
        allow_credentials=_descriptors(conn, resident_id) if resident_id is not None else [],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def register(conn: Connection, answered: Answered, phone: Device, *, label: str, now: datetime) -> None:
    """Keep a new passkey of the phone's resident. Raises `PasskeyInvalid`."""
    resident_id = phone.person.resident_id
    if count(conn, resident_id) >= MOST_PASSKEYS:
        raise PasskeyInvalid(f"there are {MOST_PASSKEYS} already")
    try:
        verified = verify_registration_response(
            credential=answered.sent,
            expected_challenge=answered.challenge,
            expected_rp_id=answered.party.domain,
            expected_origin=answered.party.origin,
            supported_pub_key_algs=_ALGORITHMS,
        )
    except Exception as problem:
        # Anything at all: these are a stranger's bytes, and what cannot be checked is not checked.
        raise PasskeyInvalid(f"{type(problem).__name__}: {problem}") from problem
    credential_id = bytes_to_base64url(verified.credential_id)
    known = select(passkey.c.credential_id).where(passkey.c.credential_id == credential_id)
    if len(credential_id) > 512 or conn.scalar(known) is not None:
        raise PasskeyInvalid("this passkey is known already")
    conn.execute(
        insert(passkey).values(
            building_id=the_building(conn).building_id,
            credential_id=credential_id,
            resident_id=resident_id,
            label=label[:60],
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            backed_up=int(verified.credential_backed_up),
            created_ms=to_ms(now),
        )
    )
    note(conn, resident_id, "passkey_added", _key_id(credential_id), {"label": label[:60]}, now)


def sign_in(conn: Connection, answered: Answered, *, label: str, key: TokenKey, now: datetime) -> str:
    """Let a new phone in by a passkey and return its cookie. Raises `PasskeyInvalid`."""
    resident_id = _verify(conn, answered, None, now)
    if not person(conn, resident_id).here(now):
        raise PasskeyInvalid("its resident is gone")
    cookie, device_id = let_in(conn, resident_id, label, key, now)
    note_step_up(conn, device_id, now)
    return cookie


def step_up(conn: Connection, answered: Answered, phone: Device, now: datetime) -> None:
    """Take a passkey of the phone's resident as proof that they hold the phone. Raises `PasskeyInvalid`."""
    _verify(conn, answered, phone.person.resident_id, now)
    note_step_up(conn, phone.device_id, now)


def count(conn: Connection, resident_id: ResidentId) -> int:
    """Return how many passkeys a resident has."""
    theirs = select(func.count()).select_from(passkey).where(passkey.c.resident_id == resident_id)
    return conn.scalar(theirs) or 0


def passkeys_of(conn: Connection, resident_id: ResidentId) -> list[PasskeyLine]:
    """Return a resident's passkeys, the newest first."""
    rows = conn.execute(
        select(passkey).where(passkey.c.resident_id == resident_id).order_by(passkey.c.created_ms.desc())
    )
    return [
        PasskeyLine(
            key_id=_key_id(row.credential_id),
            label=row.label,
            created_ms=row.created_ms,
            used_ms=row.used_ms,
            doubtful=row.doubtful_ms is not None,
        )
        for row in rows
    ]


def remove_passkey(conn: Connection, resident_id: ResidentId, key_id: str) -> bool:
    """Take no passkey of this name any more; False when it is not this resident's."""
    theirs = conn.scalars(select(passkey.c.credential_id).where(passkey.c.resident_id == resident_id))
    named = [credential_id for credential_id in theirs if _key_id(credential_id) == key_id]
    for credential_id in named:
        conn.execute(delete(passkey).where(passkey.c.credential_id == credential_id))
    return bool(named)


def forget_old_challenges(conn: Connection, now: datetime) -> None:
    """Delete challenges nobody can answer any more."""
    conn.execute(delete(challenge_table).where(challenge_table.c.expires_ms <= to_ms(now)))


def _verify(conn: Connection, answered: Answered, resident_id: ResidentId | None, now: datetime) -> ResidentId:
    """Return whose passkey this is, and that must be `resident_id` unless that is None. Raises `PasskeyInvalid`."""
    credential_id = str(answered.sent.get("id", ""))
    if not credential_id.isascii():
        raise PasskeyInvalid("the passkey's id is no base64url")
    row = conn.execute(select(passkey).where(passkey.c.credential_id == credential_id)).one_or_none()
    if row is None or (resident_id is not None and row.resident_id != resident_id):
        raise PasskeyInvalid("unknown passkey")
    try:
        verified = verify_authentication_response(
            credential=answered.sent,
            expected_challenge=answered.challenge,
            expected_rp_id=answered.party.domain,
            expected_origin=answered.party.origin,
            credential_public_key=row.public_key,
            # Its own rule would refuse a counter that went back; ours is below.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        handle = answered.sent["response"].get("userHandle")
        if handle and base64url_to_bytes(handle) != _user_handle(row.resident_id):
            raise PasskeyInvalid("the passkey names somebody else")
    except Exception as problem:
        # Anything at all: these are a stranger's bytes, and what cannot be checked is not checked.
        raise PasskeyInvalid(f"{type(problem).__name__}: {problem}") from problem
    values: dict[str, object] = {
        "used_ms": to_ms(now),
        "sign_count": max(row.sign_count, verified.new_sign_count),
        "backed_up": int(verified.credential_backed_up),
    }
    if row.sign_count and verified.new_sign_count <= row.sign_count:
        values["doubtful_ms"] = to_ms(now)
        _LOGGER.warning("The counter of passkey %s went back", _key_id(row.credential_id))
        note(conn, row.resident_id, "passkey_doubtful", _key_id(row.credential_id), {"label": row.label}, now)
    conn.execute(update(passkey).where(passkey.c.credential_id == row.credential_id).values(**values))
    return ResidentId(row.resident_id)


def _descriptors(conn: Connection, resident_id: ResidentId) -> list[PublicKeyCredentialDescriptor]:
    theirs = conn.scalars(select(passkey.c.credential_id).where(passkey.c.resident_id == resident_id))
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in theirs]


def _user_handle(resident_id: str) -> bytes:
    """Return what authenticators keep to name the person: opaque, as WebAuthn 14.6.1 wants it."""
    return hashlib.sha256(f"evshare:{resident_id}".encode()).digest()


def _key_id(credential_id: str) -> str:
    return digest(credential_id)[:32]


def _held_by(holder: str) -> str:
    return digest(holder)[:32]
