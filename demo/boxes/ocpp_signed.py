"""What a box with a signing meter sends at the end of a transaction: OCMF with the registers of begin and end.

OCMF 1.0 (SAFE), wrapped as "Signed Meter Values" 1.0 of the Open Charge Alliance has it for OCPP 1.6: a sampled value
of the format SignedData whose value is JSON, its texts in base64.
"""

import base64
from datetime import datetime
from hashlib import sha256
import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from demo.boxes.ocpp_line import Payload


class SigningMeter:
    """A meter with a key of its own, counting its pages."""

    def __init__(self, serial: str) -> None:
        """The same serial number has the same key."""
        self._serial = serial
        self._key = ec.derive_private_key(int.from_bytes(sha256(serial.encode()).digest()[:31]), ec.SECP256R1())
        self._page = 0
        self.texts: list[str] = []
        """Everything it signed."""

    @property
    def public_key(self) -> str:
        """In hex, as it stands on its label (SubjectPublicKeyInfo)."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()

    def sign(self, tag: str, begin: tuple[datetime, int], end: tuple[datetime, int]) -> str:
        """Return the OCMF of a transaction; `begin` and `end` are when, and Wh."""
        self._page += 1
        readings = [
            {"TM": _time(at), "TX": reason, "RV": register_wh, "RI": "1-b:1.8.0", "RU": "Wh", "ST": "G"}
            for reason, (at, register_wh) in (("B", begin), ("E", end))
        ]
        head = {"FV": "1.0", "GI": "Simulated", "GS": self._serial, "PG": f"T{self._page}", "MS": self._serial}
        # A space where nobody would write one: who writes this JSON anew breaks the signature.
        payload = json.dumps({**head, "IS": True, "IT": "ISO14443", "ID": tag, "RD": readings}, separators=(",", ": "))
        signature = self._key.sign(payload.encode(), ec.ECDSA(SHA256())).hex()
        text = f"OCMF|{payload}|" + json.dumps({"SA": "ECDSA-secp256r1-SHA256", "SD": signature})
        self.texts.append(text)
        return text

    def sampled(self, text: str) -> Payload:
        """Return the sampled value that carries a text."""
        wrapped = {
            "signedMeterData": _base64(text),
            "signingMethod": "",
            "encodingMethod": "OCMF",
            "publicKey": _base64(f"oca:base16:asn1:{self.public_key}"),
        }
        return {"value": json.dumps(wrapped), "format": "SignedData", "context": "Transaction.End"}


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S,000+0000 S")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
