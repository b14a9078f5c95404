"""Tables of who may charge and who is told what: phones and passkeys, cards, rules, guests, the waiting list, notices.

Part of the books' one schema (`schema.py`, whose conventions hold here). Secrets are kept as digests only.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from .metadata import building_column as _building
from .metadata import metadata

# --- phones ------------------------------------------------------------------------------------------------------

old_cookie = Table(  # a phone's earlier cookies: whoever shows one long after it was replaced is not that phone
    "old_cookie",
    metadata,
    _building(),
    Column("token_mac", String(64), primary_key=True),
    Column("device_id", ForeignKey("device.device_id"), nullable=False),
    Column("replaced_ms", BigInteger, nullable=False),
)

passkey = Table(
    "passkey",
    metadata,
    _building(),
    Column("credential_id", String(512), primary_key=True),  # base64url
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("label", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),  # COSE
    Column("sign_count", Integer, nullable=False),
    Column("backed_up", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("doubtful_ms", BigInteger),  # its counter went back: perhaps a copy
)

challenge = Table(  # WebAuthn, single use
    "challenge",
    metadata,
    _building(),
    Column("challenge_hash", String(64), primary_key=True),
    Column("purpose", String(16), nullable=False),  # register, sign_in, step_up
    Column("device_id", String(32)),
    Column("resident_id", String(64)),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)

short_code = Table(  # what is typed instead of opening a link; dies after five wrong tries
    "short_code",
    metadata,
    _building(),
    Column("code_hash", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),  # invite, pass
    Column("target", String(64), nullable=False),  # the invitation's digest, or pass id
    Column("wrong_tries", Integer, nullable=False, server_default="0"),  # of anyone at a code of this kind
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)

stall_tag = Table(  # NTAG 424 DNA
    "stall_tag",
    metadata,
    _building(),
    Column("tag_id", String(32), primary_key=True),
    Column("uid_mac", String(64), nullable=False, unique=True),
    Column("purpose", String(8), nullable=False),  # stall, card
    Column("stall_id", String(64)),
    Column("resident_id", String(64)),
    Column("label", Text, nullable=False),
    Column("last_counter", Integer, nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),
)

card_tap = Table(  # a resident's NTAG 424 was held to some phone, which may start for them once
    "card_tap",
    metadata,
    _building(),
    Column("token_mac", String(64), primary_key=True),
    Column("tag_id", ForeignKey("stall_tag.tag_id"), nullable=False),
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("stall_id", String(64)),  # where it was used to start
)

# --- what residents may ------------------------------------------------------------------------------------------

resident_rule = Table(  # no row: everything, one session at a time
    "resident_rule",
    metadata,
    _building(),
    Column("resident_id", ForeignKey("resident.resident_id"), primary_key=True),
    Column("stalls_json", Text),  # list of stall ids; null: all
    Column("hours_json", Text),  # as in the link's `rules`; null: always
    Column("sessions", Integer, nullable=False, server_default="1"),
    Column("month_wh", Integer),
    Column("month_minor", Integer),
    Column("changed_ms", BigInteger, nullable=False),
    Column("changed_by", String(64), nullable=False),
)

card = Table(  # as the integration told last; its own truth is there
    "card",
    metadata,
    _building(),
    Column("card_id", String(32), primary_key=True),
    Column("resident_id", String(64), nullable=False),
    Column("label", Text, nullable=False),
    Column("blocked", Integer, nullable=False),
    Column("weak", Integer, nullable=False),
    Column("month_wh", Integer),
    Column("quiet_json", Text),
    Column("added_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("blocked_by_holder", Integer, nullable=False, server_default="0"),
    Column("money_month_wh", Integer),  # what its money of a month is good for, as the integration was told
)

card_cap = Table(  # money per card; the integration, which knows none, is told what it is good for
    "card_cap",
    metadata,
    _building(),
    Column("card_id", String(32), primary_key=True),  # no reference: the list of cards is replaced whenever it is told
    Column("month_minor", Integer, nullable=False),  # with VAT
    Column("in_one", Integer, nullable=False),  # an earlier integration has the smaller of both caps as the card's kWh
    Column("month_wh", Integer),  # the cap in kWh that people set, where it is in one
    Column("changed_ms", BigInteger, nullable=False),
    Column("changed_by", String(80), nullable=False),
)

unknown_card = Table(  # as the integration told last
    "unknown_card",
    metadata,
    _building(),
    Column("unknown_id", String(32), primary_key=True),
    Column("stall_id", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("times", Integer, nullable=False),
    Column("tail", String(2), nullable=False),
)

# --- guests ------------------------------------------------------------------------------------------------------

guest_pass = Table(
    "guest_pass",
    metadata,
    _building(),
    Column("pass_id", String(32), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("made_by", String(80), nullable=False),  # "resident:<id>" or "office:<user>"
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),  # whose guest
    Column("payer", String(8), nullable=False),  # host, guest
    Column("stalls_json", Text),  # list of stall ids; null: all
    Column("cap_wh", Integer),
    Column("cap_minor", Integer),
    Column("uses", Integer, nullable=False),  # how many were had is counted from sessions and starts
    Column("shows_host", Integer, nullable=False, server_default="0"),  # the guest may read the host's name
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

guest_phone = Table(
    "guest_phone",
    metadata,
    _building(),
    Column("guest_phone_id", String(32), primary_key=True),
    Column("pass_id", ForeignKey("guest_pass.pass_id"), nullable=False),
    Column("token_mac", String(64), nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

guest_intent = Table(  # as `intent`, for a guest's phone
    "guest_intent",
    metadata,
    _building(),
    Column("nonce_hash", String(64), primary_key=True),
    Column("guest_phone_id", ForeignKey("guest_phone.guest_phone_id"), nullable=False),
    Column("pass_id", ForeignKey("guest_pass.pass_id"), nullable=False),
    Column("stall_id", ForeignKey("stall.stall_id"), nullable=False),
    Column("plug_epoch", Integer),
    Column("tariff_version", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("request_id", String(64), unique=True),
    Column("response_json", Text),
)

# --- waiting, notices, disputes ----------------------------------------------------------------------------------

waiting = Table(
    "waiting",
    metadata,
    _building(),
    Column("waiting_id", String(32), primary_key=True),
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("joined_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),  # waiting, offered, taken, passed, left, expired
    Column("stall_id", String(64)),
    Column("offered_ms", BigInteger),
    Column("until_ms", BigInteger),
    Column("snoozed_until_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Index("ix_waiting_state", "state", "joined_ms"),
)

notice = Table(  # something a resident is told
    "notice",
    metadata,
    _building(),
    Column("notice_id", String(80), primary_key=True),  # made from its cause, so that nothing is told twice
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("body_json", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger),
    Index("ix_notice_resident", "resident_id", "created_ms"),
)

notice_delivery = Table(
    "notice_delivery",
    metadata,
    _building(),
    Column("notice_id", ForeignKey("notice.notice_id"), primary_key=True),
    Column("channel", String(8), primary_key=True),  # push, email
    Column("target", String(64), primary_key=True),  # subscription's digest, or "account" for e-mail
    Column("state", String(8), nullable=False),  # waiting, sent, failed
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),
    Column("error", Text),
)

push_subscription = Table(
    "push_subscription",
    metadata,
    _building(),
    Column("endpoint_hash", String(64), primary_key=True),
    Column("device_id", ForeignKey("device.device_id"), nullable=False),
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("p256dh", String(128), nullable=False),
    Column("auth", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("failed_ms", BigInteger),
)

notice_choice = Table(  # no row: as the kind's default says
    "notice_choice",
    metadata,
    _building(),
    Column("resident_id", ForeignKey("resident.resident_id"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("push", Integer, nullable=False),
    Column("email", Integer, nullable=False),
)

dispute = Table(  # "that was not my car"
    "dispute",
    metadata,
    _building(),
    Column("session_id", ForeignKey("session.session_id"), primary_key=True),
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(8), nullable=False),  # open, upheld, rejected
    Column("decided_ms", BigInteger),
    Column("decided_by", String(80)),
    Column("note", Text),
)

# --- the office --------------------------------------------------------------------------------------------------

office_person = Table(  # people with a role in the office who are no Home Assistant admins
    "office_person",
    metadata,
    _building(),
    Column("person_id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),  # manager, board, technician
    Column("ha_user_id", String(64), unique=True),
    Column("invite_hash", String(64), unique=True),
    Column("invite_expires_ms", BigInteger),
    Column("made_by", String(80), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),
)

reach_check = Table(  # a phone opened the public address and came back
    "reach_check",
    metadata,
    _building(),
    Column("address", String(255), primary_key=True),
    Column("checked_ms", BigInteger, nullable=False),
)
