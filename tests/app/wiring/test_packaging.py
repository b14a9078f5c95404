"""The files that make the program a Home Assistant app say what the program does."""

from pathlib import Path, PurePath
from typing import Any

import yaml

import evshare_app
from evshare_app.books.backup import KEYS_APART, KEYS_KEPT
from evshare_app.i18n import LANGUAGES
from evshare_app.settings import Settings

ADDON = Path(evshare_app.__file__).parents[1]
CONFIG: dict[str, Any] = yaml.safe_load((ADDON / "config.yaml").read_text())


def test_version_and_ports_are_the_programs() -> None:
    assert CONFIG["version"] == evshare_app.__version__
    assert CONFIG["ingress_port"] == Settings.office_port
    assert set(CONFIG["ports"]) == {f"{port}/tcp" for port in (8099, 8100, 8101)}
    assert f'io.hass.version="{evshare_app.__version__}"' in (ADDON / "Dockerfile").read_text()
    assert f"## {evshare_app.__version__}" in (ADDON / "CHANGELOG.md").read_text()


def test_every_option_is_a_setting_and_explained(tmp_path: Path) -> None:
    explained = yaml.safe_load((ADDON / "translations" / "en.yaml").read_text())
    assert set(CONFIG["schema"]) == set(explained["configuration"])
    assert set(CONFIG["ports"]) == set(explained["network"])
    assert set(CONFIG["schema"]) <= set(Settings.__dataclass_fields__)
    assert CONFIG["schema"]["language"] == f"list({'|'.join(LANGUAGES)})"
    options = tmp_path / "options.json"
    options.write_text("{}")
    Settings.load({}, options)


def test_it_has_no_more_rights_than_it_needs() -> None:
    # Supervisor's rating: 5, own AppArmor profile +1, ingress +2 = 8, the highest.
    assert CONFIG["apparmor"] is True
    assert CONFIG["ingress"] is True
    assert CONFIG["panel_admin"] is True
    for right in ("host_network", "privileged", "full_access", "docker_api", "hassio_api", "homeassistant_api"):
        assert right not in CONFIG
    # The house's certificates, to read; no rating is lost by it.
    assert CONFIG["map"] == [{"type": "ssl", "read_only": True}]
    assert all(port is None for port in CONFIG["ports"].values())


def test_a_backup_has_a_copy_of_the_books_and_nothing_that_must_not_lie_beside_it() -> None:
    """The Supervisor leaves out what `PurePath.match` finds; a name in the repository may begin with any letter."""
    data = PurePath("/data/addons/data/f1e2d3c4_evshare")

    def kept(*names: str) -> list[str]:
        return [name for name in names if not any((data / name).match(one) for one in CONFIG["backup_exclude"])]

    assert CONFIG["backup"] == "hot"
    assert CONFIG["backup_pre"] == "su-exec evshare python -m evshare_app backup"
    live = (
        "books.db",
        "books.db-wal",
        "books.db-shm",
        "backups/books-20260702T120000Z.db",
        "replaced-1.db",
        "app.lock",
    )
    ledger = ("keys/ledger.key", "keys/ledger.next.key", "keys/ledger.previous.key")
    apart = ("keys/token.key", *ledger, "keys/books.position", "control.sock")
    assert kept(*live, *apart) == []
    with_it = ("for-backup/copy.db", "keys/pairing.token", "keys/tag.key", "keys/vapid.key", "options.json")
    assert kept(*with_it) == list(with_it)
    assert {f"keys/{name}" for name in KEYS_KEPT} < set(with_it)
    assert {f"keys/{name}" for name in KEYS_APART} < set(apart)


def test_the_supervisor_finds_one_app_only() -> None:
    root = ADDON.parent
    found = [path for path in root.rglob("config.yaml") if not any(part.startswith(".") for part in path.parts)]
    assert [path.relative_to(root).as_posix() for path in found] == ["addon/config.yaml"]
