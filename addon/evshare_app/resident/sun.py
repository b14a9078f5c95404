"""NTAG 424 DNA: what a tag writes into its address each time it is read (SUN, made by Secure Dynamic Messaging).

Pure: bytes in, bytes out. Facts from NXP's application notes AN12196 (SUN, with its examples) and AN10922 (keys of
single tags made from one). The address holds `e`, the encrypted PICCData (the tag's UID and how often it was read), and
`c`, a MAC over them under the tag's own key; the MACed part of the address is empty (SDMMACInputOffset = SDMMACOffset).
A tag has no clock: an address that was read and never sent stays good until a later one is seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

KEY_BYTES = 16
UID_BYTES = 7
E_CHARS = 32
C_CHARS = 16
MOST_READS = 0xFFFFFF

_UID_AND_COUNTER_OF_7 = 0xC7
"""PICCDataTag: UID mirrored (bit 7), counter mirrored (bit 6), UID of 7 bytes (bits 3 to 0)."""
_SV2 = bytes.fromhex("3CC300010080")
_AN10922_AES_128 = b"\x01"
_APPLICATION = bytes.fromhex("D2760000850101")
"""DF name of the NDEF application, which is all an NTAG 424 DNA has."""


class SunInvalid(Exception):
    """No tag with our keys made this address."""


class FactoryKey(ValueError):
    """A key everybody knows: tags leave the factory with sixteen zero bytes."""


@dataclass(frozen=True, kw_only=True)
class Tap:
    """One reading of a tag: which tag, and its how many-eth reading it is."""

    uid: bytes
    counter: int


def real_key(key: bytes) -> bytes:
    """Return the key. Raises `FactoryKey` for one that is no secret, ValueError for one that is no AES-128 key."""
    if len(key) != KEY_BYTES:
        msg = f"key: got {len(key)} bytes, accepted are {KEY_BYTES}"
        raise ValueError(msg)
    if len(set(key)) == 1:
        msg = "key: got one byte sixteen times, accepted is a random key"
        raise FactoryKey(msg)
    return key


def read_sun(e: str, c: str, meta_key: bytes, file_key_of: Callable[[bytes], bytes]) -> Tap:
    """Return the reading an address tells of, once its MAC is found right. Raises `SunInvalid`.

    `meta_key` (SDMMetaRead) decrypts `e`; `file_key_of` returns the SDMFileRead key of a tag's UID.
    """
    encrypted, mac = _hex(e, E_CHARS), _hex(c, C_CHARS)
    data = decrypt_picc_data(encrypted, meta_key)
    if data[0] != _UID_AND_COUNTER_OF_7:
        raise SunInvalid
    uid, counter = data[1:8], data[8:11]
    if not hmac.compare_digest(sun_mac(file_key_of(uid), uid, counter), mac):
        raise SunInvalid
    return Tap(uid=uid, counter=int.from_bytes(counter, "little"))


def decrypt_picc_data(encrypted: bytes, meta_key: bytes) -> bytes:
    """Return the 16 bytes of PICCData (AN12196 3.4.2.1: AES-128-CBC, IV zero)."""
    decryptor = Cipher(algorithms.AES(meta_key), modes.CBC(bytes(16))).decryptor()
    return decryptor.update(encrypted) + decryptor.finalize()


def session_mac_key(file_key: bytes, uid: bytes, counter: bytes) -> bytes:
    """Return K_SesSDMFileReadMAC (AN12196 3.3); `counter` has 3 bytes, the least significant first."""
    return _cmac(file_key, _SV2 + uid + counter)


def sun_mac(file_key: bytes, uid: bytes, counter: bytes, data: bytes = b"") -> bytes:
    """Return SDMMAC: every second byte of the CMAC over the address' MACed part (AN12196 3.4.4)."""
    return _cmac(session_mac_key(file_key, uid, counter), data)[1::2]


def diversify(master: bytes, uid: bytes, system: bytes) -> bytes:
    """Return a tag's own AES-128 key (AN10922 2.2): CMAC over 01, UID, application and `system`.

    `system` tells keys of one tag apart and has 3 to 16 bytes: with less AN10922 pads differently than CMAC does.
    """
    data = _AN10922_AES_128 + uid + _APPLICATION + system
    if not 16 < len(data) <= 32 or len(uid) != UID_BYTES:
        msg = f"uid, system: got {len(uid)} and {len(system)} bytes, accepted are {UID_BYTES} and 3 to 16"
        raise ValueError(msg)
    return _cmac(master, data)


def _cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def _hex(text: str, length: int) -> bytes:
    if len(text) != length or not text.isascii() or not text.isalnum():
        raise SunInvalid
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise SunInvalid from None
