"""NFC tags of the house: at a stall, where reading one proves being there; and as a resident's card.

The keys of all tags are made from one file beside the books (`keys/tag.key`); the books know a tag by an HMAC of its
UID. A reading counts once: its counter must be higher than every one before, decided in one statement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
import hashlib
import hmac
import logging
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..books.access_tables import card_tap, stall_tag
from ..books.building import the_building
from ..model import ResidentId, StallId, to_ms
from ..tokens import TokenKey, new_token
from .people import person
from .sun import C_CHARS, E_CHARS, FactoryKey, SunInvalid, Tap, diversify, read_sun, real_key

_LOGGER = logging.getLogger(__name__)

CARD_TAP_LIFE = timedelta(minutes=3)
"""How long whoever held a card to a phone may start there."""
STALL, CARD = "stall", "card"
_GAP = 1000
"""Readings nobody saw: the tag was read over and over, perhaps to collect addresses."""
_FACTORY_KEY = bytes(16)


class TagKnown(Exception):
    """A tag with this UID is in use."""


class TagWrong(Exception):
    """No tag of ours made this address, or one that belongs elsewhere."""


class TagUsed(Exception):
    """The address was used before."""


@dataclass(frozen=True, kw_only=True)
class ProgrammedKeys:
    """The AES-128 keys to write into one tag, as hex, by their number."""

    master: str
    """0: changes the tag's settings and keys."""
    meta: str
    """1: SDMMetaRead."""
    file: str
    """2: SDMFileRead."""
    spare_3: str
    spare_4: str


class TagKeys:
    """The keys of all tags, made from one secret. Raises `FactoryKey` for a secret that is none."""

    def __init__(self, secret: bytes) -> None:
        if len(set(secret)) < 8:
            msg = "tag.key: accepted are 32 random bytes"
            raise FactoryKey(msg)
        self._secret = secret
        self._meta = real_key(self._made(b"meta")[:16])
        self._masters = {name: real_key(self._made(name)[:16]) for name in (b"master", b"file", b"key-3", b"key-4")}

    def read(self, e: str, c: str) -> Tap:
        """Return the reading an address tells of. Raises `SunInvalid`."""
        return read_sun(e, c, self._meta, self._file_key)

    def of_tag(self, uid: bytes) -> ProgrammedKeys:
        """Return what is to be written into the tag with this UID."""
        return ProgrammedKeys(
            master=self._own(b"master", uid).hex().upper(),
            meta=self._meta.hex().upper(),
            file=self._file_key(uid).hex().upper(),
            spare_3=self._own(b"key-3", uid).hex().upper(),
            spare_4=self._own(b"key-4", uid).hex().upper(),
        )

    def uid_mac(self, uid: bytes) -> str:
        """Return the HMAC-SHA256 hex under which a tag is kept."""
        return hmac.new(self._secret, b"uid:" + uid, hashlib.sha256).hexdigest()

    def _file_key(self, uid: bytes) -> bytes:
        return self._own(b"file", uid)

    def _own(self, name: bytes, uid: bytes) -> bytes:
        return diversify(self._masters[name], uid, b"evshare-" + name)

    def _made(self, name: bytes) -> bytes:
        return hmac.new(self._secret, b"evshare tag " + name, hashlib.sha256).digest()


@dataclass(frozen=True, kw_only=True)
class TagLine:
    """A tag in the office's list."""

    tag_id: str
    label: str
    purpose: str
    stall_id: str | None
    resident_id: str | None
    reads: int
    """Its counter, as far as seen; 0: it was never read, so perhaps not yet programmed."""
    added_ms: int


@dataclass(frozen=True, kw_only=True)
class SdmSettings:
    """What a programming app is told: the address with its placeholders, and where in the NDEF file they are."""

    address: str
    picc_offset: int
    mac_offset: int
    file_settings: str
    """Data of ChangeFileSettings for file 2, as hex, for tools that want it whole."""


def sdm_settings(address: str) -> SdmSettings:
    """Return how a tag with this address is set up (AN12196 4.4: encrypted PICCData and MAC; docs/tags.md).

    Offsets count from the file's beginning: 2 bytes of length, 4 of the record's head and type, 1 for `https://`.
    """
    scheme, _, rest = address.partition("://")
    before = 7 + len(f"{rest}?e=".encode())
    mac = before + E_CHARS + len("&c=")
    offsets = b"".join(offset.to_bytes(3, "little") for offset in (before, mac, mac))
    # SDM on and plain; read free, all else key 0; UID, counter, ASCII; meta key 1, file key 2, counter nobody.
    settings = bytes.fromhex("4000E0C1FF12") + offsets
    return SdmSettings(
        address=f"{scheme}://{rest}?e={'0' * E_CHARS}&c={'0' * C_CHARS}",
        picc_offset=before,
        mac_offset=mac,
        file_settings=settings.hex().upper(),
    )


def add_tag(
    conn: Connection,
    keys: TagKeys,
    uid: bytes,
    *,
    stall_id: StallId | None,
    resident_id: ResidentId | None,
    label: str,
    now: datetime,
) -> str:
    """Know a tag as a stall's or as a resident's card, and return its id. Raises `TagKnown`."""
    if (stall_id is None) == (resident_id is None):
        msg = "stall_id, resident_id: accepted is exactly one of them"
        raise ValueError(msg)
    tag_id = uuid4().hex
    # A tag that was taken out of use may come back, with its counter where it was: old addresses stay old.
    values = {
        "purpose": STALL if stall_id is not None else CARD,
        "stall_id": stall_id,
        "resident_id": resident_id,
        "label": label[:60],
        "added_ms": to_ms(now),
        "removed_ms": None,
    }
    mac = keys.uid_mac(uid)
    again = conn.execute(
        update(stall_tag)
        .where(stall_tag.c.uid_mac == mac, stall_tag.c.removed_ms.is_not(None))
        .values(**values)
        .returning(stall_tag.c.tag_id)
    ).scalar_one_or_none()
    if again is not None:
        return str(again)
    try:
        conn.execute(
            insert(stall_tag).values(
                building_id=the_building(conn).building_id, tag_id=tag_id, uid_mac=mac, last_counter=0, **values
            )
        )
    except IntegrityError:
        raise TagKnown from None
    return tag_id


def remove_tag(conn: Connection, tag_id: str, now: datetime) -> bool:
    """Believe a tag no more; False when there is none such."""
    removed = conn.execute(
        update(stall_tag)
        .where(stall_tag.c.tag_id == tag_id, stall_tag.c.removed_ms.is_(None))
        .values(removed_ms=to_ms(now))
    )
    conn.execute(delete(card_tap).where(card_tap.c.tag_id == tag_id))
    return removed.rowcount == 1


def remove_own_card(conn: Connection, resident_id: ResidentId, tag_id: str, now: datetime) -> bool:
    """Believe a resident's card no more, as they ask; False when it is not one of theirs."""
    return any(one.tag_id == tag_id for one in tags(conn, resident_id)) and remove_tag(conn, tag_id, now)


def tags(conn: Connection, resident_id: ResidentId | None = None) -> list[TagLine]:
    """Return the tags in use, or those that are a resident's cards, by label."""
    wanted = select(stall_tag).where(stall_tag.c.removed_ms.is_(None)).order_by(stall_tag.c.label)
    if resident_id is not None:
        wanted = wanted.where(stall_tag.c.resident_id == resident_id)
    rows = conn.execute(wanted)
    return [
        TagLine(
            tag_id=row.tag_id,
            label=row.label,
            purpose=row.purpose,
            stall_id=row.stall_id,
            resident_id=row.resident_id,
            reads=row.last_counter,
            added_ms=row.added_ms,
        )
        for row in rows
    ]


def take_stall_tap(conn: Connection, keys: TagKeys, e: str, c: str, *, stall_id: StallId) -> None:
    """Use up a reading of a tag at this stall. Raises `TagWrong` and `TagUsed`."""
    _take(conn, keys, e, c, purpose=STALL, stall_id=stall_id)


def take_card_tap(conn: Connection, keys: TagKeys, e: str, c: str, *, token_key: TokenKey, now: datetime) -> str:
    """Use up a reading of a resident's card; return a token that may start once. Raises `TagWrong` and `TagUsed`."""
    tag_id, resident_id = _take(conn, keys, e, c, purpose=CARD)
    if not person(conn, resident_id).here(now):
        raise TagWrong
    token = new_token()
    conn.execute(
        insert(card_tap).values(
            building_id=the_building(conn).building_id,
            token_mac=token_key.mac(token),
            tag_id=tag_id,
            resident_id=resident_id,
            expires_ms=to_ms(now + CARD_TAP_LIFE),
        )
    )
    return token


def card_of(conn: Connection, token: str, token_key: TokenKey, now: datetime) -> tuple[ResidentId, str | None] | None:
    """Return whose card was held to the browser with this token, and where it was used to start."""
    row = conn.execute(
        select(card_tap).where(card_tap.c.token_mac == token_key.mac(token), card_tap.c.expires_ms > to_ms(now))
    ).one_or_none()
    if row is None or not person(conn, row.resident_id).here(now):
        return None
    return ResidentId(row.resident_id), row.stall_id


def claim_card(conn: Connection, token: str, stall_id: StallId, token_key: TokenKey, now: datetime) -> str | None:
    """Use the card at this stall and return the request's id, the same each time; None when it may not start here."""
    mac = token_key.mac(token)
    claimed = conn.execute(
        update(card_tap)
        .where(
            card_tap.c.token_mac == mac,
            card_tap.c.expires_ms > to_ms(now),
            card_tap.c.stall_id.is_(None) | (card_tap.c.stall_id == stall_id),
        )
        .values(stall_id=stall_id)
    )
    return f"card-{mac[:32]}" if claimed.rowcount == 1 else None


def forget_old_taps(conn: Connection, now: datetime) -> None:
    """Delete card taps that are over."""
    conn.execute(delete(card_tap).where(card_tap.c.expires_ms <= to_ms(now)))


def _take(
    conn: Connection, keys: TagKeys, e: str, c: str, *, purpose: str, stall_id: StallId | None = None
) -> tuple[str, str]:
    try:
        tap = keys.read(e, c)
    except SunInvalid:
        _say_if_factory_new(e, c)
        raise TagWrong from None
    row = conn.execute(
        select(stall_tag).where(stall_tag.c.uid_mac == keys.uid_mac(tap.uid), stall_tag.c.removed_ms.is_(None))
    ).one_or_none()
    if row is None or row.purpose != purpose or row.stall_id != stall_id:
        raise TagWrong
    # One statement decides, so that of two requests with the same address only one counts.
    counted = conn.execute(
        update(stall_tag)
        .where(stall_tag.c.tag_id == row.tag_id, stall_tag.c.last_counter < tap.counter)
        .values(last_counter=tap.counter)
    )
    if counted.rowcount != 1:
        _LOGGER.warning("Tag %s: an address of reading %s came again", row.tag_id, tap.counter)
        raise TagUsed
    if tap.counter - row.last_counter > _GAP:
        _LOGGER.warning(
            "Tag %s was read %s times unseen; somebody may collect its addresses",
            row.tag_id,
            tap.counter - row.last_counter - 1,
        )
    return str(row.tag_id), str(row.resident_id or "")


def _say_if_factory_new(e: str, c: str) -> None:
    try:
        read_sun(e, c, _FACTORY_KEY, lambda _uid: _FACTORY_KEY)
    except SunInvalid:
        return
    _LOGGER.warning("A tag with its factory keys was read: it proves nothing until it is programmed (docs/tags.md)")
