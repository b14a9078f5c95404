"""The portal's own TLS: with the owner's certificate, renewed without a restart, and never without it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
import shutil
import ssl
from typing import Any

from aiohttp import ClientConnectorCertificateError, ClientError, ClientSession, TCPConnector
from cryptography.hazmat.primitives import serialization
import pytest

from evshare_app.settings import Settings, SettingsError
from tests.app.house import House, open_house
from tests.certificates import certificate

ADDRESS = "https://localhost"


@asynccontextmanager
async def tls_house(folder: Path, given: Path, **settings: Any) -> AsyncIterator[House]:
    chosen: dict[str, Any] = {
        "portal_certificate": given / "certificate.pem",
        "portal_key": given / "key.pem",
        "portal_url": ADDRESS,
    }
    async with open_house(folder / "data", **(chosen | settings)) as house:
        yield house


def given(folder: Path, name: str) -> Path:
    """Make a certificate in a folder of its own."""
    place = folder / name
    place.mkdir()
    certificate(place)
    return place


async def serves(house: House, place: Path) -> bool:
    """Whether a new connection is given this certificate, by the page it then brings."""
    context = ssl.create_default_context(cafile=str(place / "certificate.pem"))
    try:
        async with (
            ClientSession(connector=TCPConnector(ssl=context, force_close=True)) as http,
            http.get(f"https://localhost:{house.app.portal_port}/") as answer,
        ):
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            return answer.status == 200
    except ClientConnectorCertificateError:
        return False


async def test_the_portal_speaks_tls_with_the_owners_certificate(tmp_path: Path) -> None:
    one = given(tmp_path, "one")
    async with tls_house(tmp_path, one) as house:
        assert await serves(house, one)
        # Nobody is answered in plain text on that port.
        with pytest.raises(ClientError):
            await house.stranger().get("/")


async def test_a_renewed_certificate_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    one, two = given(tmp_path, "one"), given(tmp_path, "two")
    async with tls_house(tmp_path, one) as house:
        assert not await serves(house, two)
        shutil.copytree(two, one, dirs_exist_ok=True)
        await house.app.follow_certificate()
        assert await serves(house, two)


async def test_a_renewed_certificate_that_cannot_be_used_leaves_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = given(tmp_path, "one"), given(tmp_path, "two")
    kept = tmp_path / "kept"
    shutil.copytree(one, kept)
    async with tls_house(tmp_path, one) as house:
        shutil.copy(two / "key.pem", one / "key.pem")  # not the key of the certificate
        await house.app.follow_certificate()
        assert "The portal keeps the certificate it had. portal_key: got" in caplog.text
        assert await serves(house, kept)
        shutil.copy(two / "certificate.pem", one / "certificate.pem")
        await house.app.follow_certificate()
        assert await serves(house, two)


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
async def test_the_portal_stays_shut_until_its_certificate_can_be_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    one = given(tmp_path, "one")
    good = (one / "certificate.pem").read_bytes()
    if content is None:
        (one / "certificate.pem").unlink()
    else:
        (one / "certificate.pem").write_text(content)
    async with tls_house(tmp_path, one) as house:
        assert "The portal stays shut. portal_certificate" in caplog.text
        assert house.app.portal_port == 0  # the system was not asked for a port yet
        assert (await house.browser(house.app.office_port).get("/office/health")).status == 200
        (one / "certificate.pem").write_bytes(good)
        await house.app.follow_certificate()
        assert await serves(house, one)


async def test_a_key_with_a_password_is_refused_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = given(tmp_path, "one")
    key = serialization.load_pem_private_key((one / "key.pem").read_bytes(), None)
    (one / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    async with tls_house(tmp_path, one):
        assert "its key without a password" in caplog.text


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"EVSHARE_PORTAL_CERTIFICATE": "/ssl/a.pem"}, "accepted are both or neither"),
        (
            {"EVSHARE_PORTAL_CERTIFICATE": "a.pem", "EVSHARE_PORTAL_KEY": "k.pem", "EVSHARE_PORTAL_URL": "http://a.b"},
            "portal_url: got 'http://a.b', accepted with portal_certificate is https",
        ),
        ({"EVSHARE_PORTAL_CERTIFICATE": "a.pem", "EVSHARE_PORTAL_KEY": "k.pem"}, "portal_url: got None"),
    ],
)
def test_tls_settings_that_cannot_be_are_named(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.load(environment, tmp_path / "options.json")


def test_files_may_be_named_alone_in_the_folder_of_certificates(tmp_path: Path) -> None:
    environment = {
        "EVSHARE_TLS_DIR": "/ssl",
        "EVSHARE_PORTAL_CERTIFICATE": "fullchain.pem",
        "EVSHARE_PORTAL_KEY": "/keys/privkey.pem",
        "EVSHARE_PORTAL_URL": ADDRESS,
    }
    settings = Settings.load(environment, tmp_path / "options.json")
    assert settings.portal_certificate == Path("/ssl/fullchain.pem")
    assert settings.portal_key == Path("/keys/privkey.pem")
