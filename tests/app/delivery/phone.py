"""A phone that takes pushes, and the push service it is subscribed at, written from RFC 8188, 8291 and 8030 alone.

Nothing of the product is used here; the HMAC of HKDF (RFC 5869) is written out.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import datetime
import hashlib
import hmac
import ipaddress
import os
from pathlib import Path
import socket
import ssl
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

CURVE = ec.SECP256R1()


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def hkdf(salt: bytes, key: bytes, info: bytes, length: int) -> bytes:
    """Extract, and the first block of expand."""
    extracted = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()[:length]


@dataclass
class Phone:
    """A browser's half of a subscription."""

    key: int
    auth: bytes

    @classmethod
    def new(cls) -> Self:
        return cls(key=ec.generate_private_key(CURVE).private_numbers().private_value, auth=os.urandom(16))

    @property
    def p256dh(self) -> str:
        public = ec.derive_private_key(self.key, CURVE).public_key().public_numbers()
        return base64url(b"\x04" + public.x.to_bytes(32) + public.y.to_bytes(32))

    def read(self, body: bytes) -> bytes:
        """Decrypt one push of one record."""
        salt, record_size, key_length = body[:16], int.from_bytes(body[16:20]), body[20]
        sender, sealed = body[21 : 21 + key_length], body[21 + key_length :]
        assert key_length == 65
        assert len(sealed) <= record_size
        shared = ec.derive_private_key(self.key, CURVE).exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender)
        )
        ikm = hkdf(self.auth, shared, b"WebPush: info\x00" + unbase64(self.p256dh) + sender, 32)
        content_key = hkdf(salt, ikm, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = hkdf(salt, ikm, b"Content-Encoding: nonce\x00", 12)
        padded = AESGCM(content_key).decrypt(nonce, sealed, None).rstrip(b"\x00")
        assert padded[-1:] == b"\x02"  # the last record
        return padded[:-1]


@dataclass
class Taken:
    """A push as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class PushService:
    """A push service on loopback with TLS, which answers as it is told."""

    name: str
    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """What the next pushes are answered; 201 when there is nothing more."""
    looked_up: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def endpoint(self, name: str = "a-phone") -> str:
        return f"https://{self.name}/wpush/v2/{name}"

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(Taken(path=request.path, headers=dict(request.headers), body=await request.read()))
        self.arrived.set()
        status, headers = self.answers.pop(0) if self.answers else (201, {})
        return web.Response(status=status, headers=headers)


class Names(AbstractResolver):
    """Where names lead to in these tests."""

    def __init__(self, service: PushService, leads_to: Mapping[str, str] | None = None) -> None:
        self._service = service
        self._leads_to = dict(leads_to or {})

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self._service.looked_up.append(f"{host}:{port}")
        there = "127.0.0.1" if host == self._service.name else self._leads_to[host]
        return [
            ResolveResult(
                hostname=host,
                host=there,
                # Pushes go to port 443, which a test may not listen on.
                port=self._service.port if port == 443 else port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


def certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Make a certificate for these names (or addresses), and its key."""
    key = ec.generate_private_key(CURVE)
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(one)) if one[0].isdigit() else x509.DNSName(one) for one in names
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / f"{names[0]}.pem", folder / f"{names[0]}.key"
    certificate_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_path, key_path


def server_side(folder: Path, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server with these names, and of a client that trusts it."""
    certificate_path, key_path = certificate(folder, *names)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate_path, key_path)
    return server, ssl.create_default_context(cafile=str(certificate_path))


@asynccontextmanager
async def push_service(folder: Path, name: str) -> AsyncIterator[tuple[PushService, ssl.SSLContext]]:
    """Run a push service of that name; the context is for clients that trust its certificate."""
    service = PushService(name=name)
    server, client = server_side(folder, name)
    app = web.Application()
    app.router.add_post("/{path:.*}", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server)
    await site.start()
    service.port = int(runner.addresses[0][1])
    try:
        yield service, client
    finally:
        await asyncio.shield(runner.cleanup())
