"""OCMF texts: kept byte for byte, read, and checked against the meter's key.

The KEBA text and key are published with the SAFE transparency software's tests (`test_ocmf_keba_kcp30.xml`): a real
device signed it, so its signature was made by none of our code.
"""

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
import pytest
from sqlalchemy import select

from evshare_app.books.accounting_tables import signed_meter_value
from evshare_app.ledger.evidence import keep_signed
from evshare_app.ledger.ocmf import OcmfError, check, parse
from evshare_app.verifier.evshare_verify import ocmf as verifiers_result
from tests.app.statement.lindenhof import Cut, add_session

KEBA_KEY = (
    "3059301306072A8648CE3D020106082A8648CE3D030107034200043AEEB45C392357820A58FDFB0857BD77ADA31585C61C430531DFA53B440A"
    "FBFDD95AC887C658EA55260F808F55CA948DF235C2108A0D6DC7D4AB1A5E1A7955BE"
)
KEBA = (
    'OCMF|{"FV":"1.0","GI":"KEBA_KCP30","GS":"17619300","GV":"2.8.5","PG":"T32","IS":false,"IL":"NONE",'
    '"IF":["RFID_NONE","OCPP_NONE","ISO15118_NONE","PLMN_NONE"],"IT":"NONE","ID":"",'
    '"RD":[{"TM":"2019-08-13T10:03:15,000+0000 I","TX":"B","EF":"","ST":"G","RV":0.2596,"RI":"1-b:1.8.0","RU":"kWh"},'
    '{"TM":"2019-08-13T10:03:36,000+0000 R","TX":"E","EF":"","ST":"G","RV":0.2597,"RI":"1-b:1.8.0","RU":"kWh"}]}|'
    '{"SD":"304502200E2F107C987A300AC1695CA89EA149A8CDFA16188AF0A33EE64B67964AA943F9'
    '022100889A72B6D65364BEA8562E7F6A0253157ACFF84FE4929A93B5964D23C4265699"}'
)
NOW = datetime(2026, 5, 20, 18, tzinfo=UTC)


def made(curve: ec.EllipticCurve, algorithm: str, *, encoding: str = "hex") -> tuple[str, str]:
    key = ec.generate_private_key(curve)
    payload = '{"PG":"T1","MS":"1","RD":[ {"TM":"x","RV":1.0,"RU":"kWh"} ]}'
    raw = key.sign(payload.encode(), ec.ECDSA(SHA256()))
    value = raw.hex() if encoding == "hex" else base64.b64encode(raw).decode()
    text = f'OCMF|{payload}|{{"SA":"{algorithm}","SE":"{encoding}","SD":"{value}"}}'
    return text, key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


def both(text: str, key: str) -> str:
    """The app and the verifier, which share no code, agree."""
    result = check(text, key)
    assert verifiers_result(text.encode(), key) == result
    return result


def test_a_published_text_of_a_real_device_is_valid():
    assert both(KEBA, KEBA_KEY) == "valid"


def test_one_changed_digit_makes_it_invalid():
    assert both(KEBA.replace("0.2597", "0.2599"), KEBA_KEY) == "invalid"


def test_a_payload_written_anew_with_the_same_content_is_invalid():
    assert both(KEBA.replace('"GI":"KEBA_KCP30",', '"GI": "KEBA_KCP30",'), KEBA_KEY) == "invalid"


def test_what_it_says_is_read():
    read = parse(KEBA)
    assert (read.serial, read.page, read.algorithm) == ("17619300", "T32", "ECDSA-secp256r1-SHA256")
    first, last = read.readings
    assert (first.reason, last.reason) == ("B", "E")
    assert last.register_wh - first.register_wh == Decimal("0.1")
    assert "OCMF|" + read.payload + "|" == KEBA[: len(read.payload) + 6]


def test_fields_left_out_of_a_reading_are_those_of_the_one_before():
    text = 'OCMF|{"PG":"T1","RD":[{"TM":"a","TX":"B","RV":5,"RI":"1-b:1.8.0","RU":"Wh","ST":"G"},{"RV":7}]}|{"SD":""}'
    last = parse(text).readings[1]
    assert (last.reason, last.register, last.register_wh, last.status) == ("B", "1-b:1.8.0", Decimal(7), "G")


@pytest.mark.parametrize(
    ("curve", "algorithm"),
    [
        (ec.SECP192R1(), "ECDSA-secp192r1-SHA256"),
        (ec.SECP256K1(), "ECDSA-secp256k1-SHA256"),
        (ec.SECP384R1(), "ECDSA-secp384r1-SHA256"),
        (ec.BrainpoolP256R1(), "ECDSA-brainpool256r1-SHA256"),
        (ec.BrainpoolP384R1(), "ECDSA-brainpool384r1-SHA256"),
    ],
)
def test_the_standards_curves_are_checked(curve, algorithm):
    text, key = made(curve, algorithm)
    assert both(text, key) == "valid"
    assert both(text.replace('"RV":1.0', '"RV":1.1'), key) == "invalid"
    assert both(text, KEBA_KEY) == "invalid"


def test_base64_is_read_too():
    assert both(*made(ec.SECP256R1(), "ECDSA-secp256r1-SHA256", encoding="base64")) == "valid"


@pytest.mark.parametrize(
    ("text", "key", "result"),
    [
        (KEBA, "", "no_key"),
        (KEBA, "zz", "invalid"),
        (KEBA.replace('{"SD"', '{"SA":"ECDSA-secp192k1-SHA256","SD"'), KEBA_KEY, "unsupported"),
        ("OCMF|{}", KEBA_KEY, "unreadable"),
        ("OCMF|{|}|{}", KEBA_KEY, "unreadable"),
        ("OCMF|[]|{}", KEBA_KEY, "unreadable"),
        ("", KEBA_KEY, "unreadable"),
    ],
)
def test_what_cannot_be_checked_is_called_so(text, key, result):
    assert both(text, key) == result


def test_a_text_that_is_no_ocmf_is_refused_by_field():
    with pytest.raises(OcmfError, match="text: got 'OCPP"):
        parse("OCPP|{}|{}")
    with pytest.raises(OcmfError, match="SD: got 'xy', accepted is hex"):
        parse('OCMF|{"RD":[]}|{"SD":"xy"}')


def test_a_text_is_kept_once_byte_for_byte_with_what_checking_came_to(conn):
    add_session(conn, "s1", NOW, [Cut(15, 100)])
    assert keep_signed(conn, "s1", KEBA, KEBA_KEY, NOW) == "valid"
    assert keep_signed(conn, "s1", KEBA, KEBA_KEY, NOW + timedelta(days=1)) == "valid"
    assert keep_signed(conn, "s1", "nonsense", None, NOW) == "unreadable"
    kept = conn.execute(select(signed_meter_value).order_by(signed_meter_value.c.place)).all()
    assert [(row.place, row.text, row.result) for row in kept] == [(1, KEBA, "valid"), (2, "nonsense", "unreadable")]
