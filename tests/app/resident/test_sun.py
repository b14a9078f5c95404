"""NTAG 424 DNA, against the examples NXP published."""

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
import pytest

from evshare_app.resident.sun import (
    FactoryKey,
    SunInvalid,
    Tap,
    decrypt_picc_data,
    diversify,
    read_sun,
    real_key,
    session_mac_key,
    sun_mac,
)
from evshare_app.resident.tags import TagKeys, sdm_settings

ZERO = bytes(16)
E = "EF963FF7828658A599F3041510671E88"
C = "94EED9EE65337086"


def zero_key(uid: bytes) -> bytes:
    return ZERO


def test_the_address_of_the_application_note_is_read() -> None:
    # AN12196, https://ntag.nxp.com/424?e=EF96…&c=94EE…: UID 04DE5F1EACC040, read 61 times.
    assert read_sun(E, C, ZERO, zero_key) == Tap(uid=bytes.fromhex("04DE5F1EACC040"), counter=61)
    assert read_sun(E.lower(), C.lower(), ZERO, zero_key).counter == 61


def test_its_steps_are_those_of_the_application_note() -> None:
    data = decrypt_picc_data(bytes.fromhex(E), ZERO)
    assert data[:11] == bytes.fromhex("C704DE5F1EACC0403D0000")
    uid, counter = data[1:8], data[8:11]
    assert session_mac_key(ZERO, uid, counter) == bytes.fromhex("3FB5F6E3A807A03D5E3570ACE393776F")
    assert sun_mac(ZERO, uid, counter) == bytes.fromhex(C)
    other = session_mac_key(ZERO, bytes.fromhex("04C767F2066180"), bytes.fromhex("010000"))
    assert other == bytes.fromhex("0EC94BE3E0664FAF2BE300DFB16E1B66")


def test_a_tags_own_key_is_made_as_in_the_application_note() -> None:
    # AN10922 2.2.1: its M is UID 04782E21801D80, application 3042F5, system "NXP Abu"; ours names another application.
    master = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    mac = CMAC(AES(master))
    mac.update(bytes.fromhex("0104782E21801D803042F54E585020416275"))
    assert mac.finalize() == bytes.fromhex("A8DD63A3B89D54B37CA802473FDA9175")
    mac = CMAC(AES(master))
    mac.update(bytes.fromhex("0104782E21801D80D2760000850101") + b"evshare")
    assert diversify(master, bytes.fromhex("04782E21801D80"), b"evshare") == mac.finalize()


@pytest.mark.parametrize(
    ("e", "c"),
    [
        (E, "94EED9EE65337087"),
        ("EF963FF7828658A599F3041510671E89", C),
        (E, C[:-2]),
        (E + "00", C),
        ("", ""),
        ("Z" * 32, C),
        (E[:-1] + " ", C),
        (E, "9４EED9EE65337086"),
        ("+" + E[1:], C),
    ],
)
def test_anything_else_is_no_reading(e: str, c: str) -> None:
    with pytest.raises(SunInvalid):
        read_sun(e, c, ZERO, zero_key)


def test_a_reading_under_another_key_is_none() -> None:
    with pytest.raises(SunInvalid):
        read_sun(E, C, ZERO, lambda uid: b"\x01" * 16)
    with pytest.raises(SunInvalid):
        read_sun(E, C, b"\x01" * 16, zero_key)


@pytest.mark.parametrize("key", [bytes(16), b"\xff" * 16])
def test_keys_everybody_knows_are_refused(key: bytes) -> None:
    with pytest.raises(FactoryKey):
        real_key(key)
    with pytest.raises(FactoryKey):
        TagKeys(key + key)


def test_no_two_keys_of_the_house_are_the_same() -> None:
    keys = TagKeys(bytes(range(32)))
    one, other = (keys.of_tag(bytes.fromhex(uid)) for uid in ("04DE5F1EACC040", "04DE5F1EACC041"))
    assert one.meta == other.meta  # needed before it is known which tag it is
    theirs = [getattr(tag, name) for tag in (one, other) for name in ("master", "file", "spare_3", "spare_4")]
    assert len({*theirs, one.meta}) == 9
    assert "0" * 32 not in theirs


def test_a_factory_new_tag_is_not_read() -> None:
    with pytest.raises(SunInvalid):
        TagKeys(bytes(range(32))).read(E, C)


def test_what_a_programming_app_is_told_of_an_address() -> None:
    # Counted by hand: 7 bytes of the NDEF file before "ntag.nxp.com/424?e=", which has 19 characters: 26 = 0x1A.
    # 32 characters of PICCData and "&c=" later: 26 + 32 + 3 = 61 = 0x3D.
    told = sdm_settings("https://ntag.nxp.com/424")
    assert told.address == f"https://ntag.nxp.com/424?e={'0' * 32}&c={'0' * 16}"
    assert (told.picc_offset, told.mac_offset) == (26, 61)
    # AN12196 6.9 has 40 00E0 C1 F121 200000 430000 430000 for its own address, keys and counter access.
    assert told.file_settings == "4000E0C1FF121A00003D00003D0000"
