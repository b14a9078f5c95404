"""TLS of the portal's own port, with a certificate the owner gives: read at the start, and again when its files change.

Nothing is served without it once it is asked for: files that cannot be used keep the portal shut until they can be, and
a renewed certificate that cannot be used leaves the one before in force.
"""

from datetime import datetime
from pathlib import Path
import ssl

from cryptography import x509

from ..settings import Settings

type _Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """The portal's certificate and its key."""

    def __init__(self, settings: Settings) -> None:
        if settings.portal_certificate is None or settings.portal_key is None:
            raise ValueError("portal_certificate, portal_key: got neither, accepted are both")
        self._certificate = settings.portal_certificate
        self._key = settings.portal_key
        self._seen: _Stamp = ()
        self._current: ssl.SSLContext | None = None
        self.context: ssl.SSLContext | None = None
        """What the listener speaks TLS with, every new connection by the certificate then in force; None before one."""
        self.problem = ""
        """Why the files as they are now cannot be used."""
        self.names: tuple[str, ...] = ()
        """Host names and addresses the certificate in force is for."""
        self.expires: datetime | None = None

    def follow(self) -> bool:
        """Take the files if they changed since they were looked at last, and say whether that was done."""
        try:
            seen = tuple(
                (now.st_ino, now.st_ctime_ns, now.st_size) for now in (self._certificate.stat(), self._key.stat())
            )
            if seen == self._seen:
                return False
            self._seen = seen
            current = _load(self._certificate, self._key)
            leaf = x509.load_pem_x509_certificates(self._certificate.read_bytes())[0]
        except (OSError, ValueError) as problem:
            self.problem = _in_words(problem, self._certificate, self._key)
            return False
        if self.context is None:
            self.context = current
            # Called for every new connection, also where the client names no host.
            current.sni_callback = self._choose
        self._current, self.problem = current, ""
        self.names, self.expires = _names(leaf), leaf.not_valid_after_utc
        return True

    def is_for(self, host: str) -> bool:
        """Whether the certificate in force is for a host."""
        _, _, parent = host.partition(".")
        return any(name in (host, f"*.{parent}") for name in self.names)

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _outer: ssl.SSLContext) -> None:
        if self._current is not None:
            connection.context = self._current


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # Without a password nobody is asked for one: an encrypted key is refused.
    context.load_cert_chain(certificate, key, password=lambda: "")
    return context


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = found.get_values_for_type(x509.DNSName)
    return (*(host.lower() for host in hosts), *map(str, found.get_values_for_type(x509.IPAddress)))


def _in_words(problem: OSError | ValueError, certificate: Path, key: Path) -> str:
    if isinstance(problem, FileNotFoundError):
        return f"portal_certificate, portal_key: got {problem.filename or certificate}, which does not exist"
    if isinstance(problem, PermissionError):
        return f"portal_certificate, portal_key: got {problem.filename or key}, which may not be read by the app"
    if isinstance(problem, ssl.SSLError) and problem.reason == "KEY_VALUES_MISMATCH":
        return f"portal_key: got {key}, which is not the key of {certificate}"
    return (
        f"portal_certificate, portal_key: got {certificate} and {key}, accepted are PEM files: the certificate with "
        "those between it and its root, and its key without a password"
    )
