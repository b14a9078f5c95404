"""An NTAG 424 DNA in software, written from AN12196: it is programmed with keys and makes an address per reading."""

from dataclasses import dataclass
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.cmac import CMAC


def _cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()


@dataclass
class Ntag:
    uid: str = "04DE5F1EACC040"
    meta_key: str = "00" * 16
    file_key: str = "00" * 16
    address: str = ""
    """Path and query with placeholders, as it was written."""
    reads: int = 0

    def read(self) -> str:
        """Return the address a phone finds when it is held to the tag."""
        self.reads += 1
        uid, counter = bytes.fromhex(self.uid), self.reads.to_bytes(3, "little")
        encryptor = Cipher(AES(bytes.fromhex(self.meta_key)), CBC(bytes(16))).encryptor()
        e = encryptor.update(b"\xc7" + uid + counter + secrets.token_bytes(5)) + encryptor.finalize()
        session = _cmac(bytes.fromhex(self.file_key), bytes.fromhex("3CC300010080") + uid + counter)
        c = bytes(_cmac(session, b"")[place] for place in range(1, 16, 2))
        address = self.address.replace("e=" + "0" * 32, "e=" + e.hex().upper())
        return address.replace("c=" + "0" * 16, "c=" + c.hex().upper())
