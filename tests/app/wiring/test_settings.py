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


# Browsers make passkeys in secure contexts with a domain (WebAuthn 5.1.2, W3C Secure Contexts 3.1).
@pytest.mark.parametrize(
    ("portal_url", "domain"),
    [
        ("https://laden.example.org", "laden.example.org"),
        ("https://Laden.Example.org:8443", "laden.example.org"),
        ("http://localhost:8100", "localhost"),
        ("http://portal.localhost:8100", "portal.localhost"),
        ("http://laden.example.org", None),
        ("http://homeassistant.local:8100", None),
        ("https://192.168.1.5", None),
        ("https://[fd00::5]", None),
        ("http://127.0.0.1:8100", None),
        ("http://notlocalhost", None),
        ("", None),
    ],
)
def test_passkeys_are_for_a_name_that_browsers_trust(tmp_path: Path, portal_url: str, domain: str | None) -> None:
    assert load(tmp_path, EVSHARE_PORTAL_URL=portal_url).passkey_domain == domain


def test_a_mail_server_is_used_encrypted_unless_it_is_on_this_machine(tmp_path: Path) -> None:
    assert load(tmp_path).smtp is None
    account = {"smtp_user": "house", "smtp_password": "secret", "smtp_from": "charging@example.org"}
    smtp = load(tmp_path, {"smtp_host": "mail.example.org", **account}).smtp
    assert smtp is not None
    assert (smtp.host, smtp.port, smtp.tls) == ("mail.example.org", 587, "starttls")
    assert "secret" not in repr(smtp)
    direct = load(tmp_path, {"smtp_host": "mail.example.org", "smtp_tls": "tls", "smtp_port": 4650, **account}).smtp
    assert direct is not None
    assert direct.port == 4650
    for wrong, named in (
        ({"smtp_host": "mail.example.org", "smtp_tls": "none", **account}, "smtp_tls: got 'none'"),
        ({"smtp_host": "mail.example.org", "smtp_tls": "ssl", **account}, "smtp_tls: got 'ssl'"),
        ({"smtp_host": "mail.example.org"}, "smtp_from: got ''"),
        ({"smtp_host": "mail.example.org", "smtp_from": "a@b.c\nBcc: d@e.f"}, "smtp_from: got"),
        ({"smtp_host": "mail.example.org", "smtp_from": "a@b.c", "smtp_user": "u"}, "smtp_user, smtp_password"),
        ({"smtp_port": 65536}, "smtp_port: got 65536"),
    ):
        with pytest.raises(SettingsError, match=named):
            load(tmp_path, wrong)


def test_how_long_a_stall_is_kept_and_whether_cards_join_the_line(tmp_path: Path) -> None:
    assert (load(tmp_path).hold_minutes, load(tmp_path).tap_joins) == (15, True)
    settings = load(tmp_path, {"hold_minutes": 30, "tap_joins": False})
    assert (settings.hold_minutes, settings.tap_joins) == (30, False)
    assert not load(tmp_path, {}, EVSHARE_TAP_JOINS="no").tap_joins
    for wrong, named in (
        ({"hold_minutes": 4}, "hold_minutes: got 4"),
        ({"tap_joins": "maybe"}, "tap_joins: got 'maybe'"),
    ):
        with pytest.raises(SettingsError, match=named):
            load(tmp_path, wrong)


def test_more_push_services_are_host_names(tmp_path: Path) -> None:
    assert load(tmp_path, {"push_hosts": "push.example.org, ntfy.sh"}).push_hosts == ("push.example.org", "ntfy.sh")
    for wrong in ("192.168.1.1", "localhost", "https://push.example.org", "push.example.org/x", "*.example.org"):
        with pytest.raises(SettingsError, match="push_hosts: got"):
            load(tmp_path, {"push_hosts": wrong})
