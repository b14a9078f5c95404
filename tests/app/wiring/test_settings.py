"""Settings come from the options file, then the environment, then defaults; what cannot be is named."""

from ipaddress import ip_network
import json
from pathlib import Path

import pytest

from evshare_app.settings import Settings, SettingsError


def load(tmp_path: Path, options: object | None = None, **environment: str) -> Settings:
    file = tmp_path / "options.json"
    if options is not None:
        file.write_text(options if isinstance(options, str) else json.dumps(options))
    return Settings.load(environment, file)


def test_options_come_before_the_environment_and_that_before_defaults(tmp_path: Path) -> None:
    options = {"portal_url": "https://laden.example.org/", "language": "de", "stripe_key": ""}
    settings = load(
        tmp_path, options, EVSHARE_PORTAL_URL="http://other", EVSHARE_STRIPE_KEY="rk_test_1", EVSHARE_LINK_PORT="9101"
    )
    assert settings.portal_url == "https://laden.example.org"
    assert settings.portal_is_https
    assert settings.language == "de"
    assert settings.stripe_key == "rk_test_1"  # an empty option is no option
    assert settings.link_port == 9101
    assert settings.office_port == 8099
    assert settings.data_dir == tmp_path


def test_without_anything_only_the_portal_is_open_to_the_network(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.portal_host == "0.0.0.0"
    assert settings.office_host == settings.link_host == "127.0.0.1"
    assert settings.stripe_key is None


def test_trusted_proxies_are_networks(tmp_path: Path) -> None:
    settings = load(tmp_path, EVSHARE_TRUSTED_PROXIES="192.168.1.5/32, fd00::/8")
    assert settings.trusted_proxies == (ip_network("192.168.1.5/32"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_URL", "laden.example.org"),
        ("PORTAL_URL", "https://laden.example.org/path"),
        ("PORTAL_URL", "ftp://laden.example.org"),
        ("OFFICE_URL", "https://"),
        ("LINK_PORT", "http"),
        ("LINK_PORT", "65536"),
        ("LANGUAGE", "tlh"),
        ("TRUSTED_PROXIES", "my proxy"),
        ("STRIPE_KEY", "sk_live_123"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name.lower()}: "):
        load(tmp_path, **{f"EVSHARE_{name}": value})


def test_a_key_is_never_repeated_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, EVSHARE_STRIPE_KEY="sk_live_secret")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("options", ["{", "[]", {"portal_url": 7}])
def test_an_options_file_that_cannot_be_read_is_named(tmp_path: Path, options: object) -> None:
    with pytest.raises(SettingsError):
        load(tmp_path, options)
