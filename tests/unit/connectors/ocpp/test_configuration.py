"""What is written into a box at the first connection, and what its answers say of its lock. Reference 10.4."""

import pytest

from custom_components.evshare.connectors.locks import lock_quality
from custom_components.evshare.connectors.ocpp import OCPP_PORTS
from custom_components.evshare.connectors.ocpp.configuration import on_loss
from custom_components.evshare.connectors.ocpp.words import Setting
from custom_components.evshare.model import LockQuality, OnLoss
from demo.boxes.ocpp_box import Manners

from .conftest import Site, Stall, told

CLOSED, HOLDS, OPENS = OnLoss.CLOSED, OnLoss.HOLDS, OnLoss.OPENS
LETS_NOBODY_IN = {
    "AllowOfflineTxForUnknownId": "false",
    "AuthorizationCacheEnabled": "false",
    "AuthorizeRemoteTxRequests": "false",
    "LocalAuthListEnabled": "false",
    "LocalAuthorizeOffline": "false",
    "LocalPreAuthorize": "false",
    "StopTransactionOnInvalidId": "true",
    "StopTransactionOnEVSideDisconnect": "true",
}


async def test_a_box_is_closed_to_whoever_comes_while_we_are_away(site: Site) -> None:
    connector = site.connector()
    box = await site.connected()
    assert {key: box.configuration[key] for key in LETS_NOBODY_IN} == LETS_NOBODY_IN
    assert told(box, "ClearCache") == [{}]
    assert lock_quality(connector.ports) is LockQuality.ENFORCED


async def test_a_box_is_told_to_meter_every_ten_seconds_and_at_each_quarter_hour(site: Site) -> None:
    site.connector()
    box = await site.connected()
    assert box.configuration["MeterValueSampleInterval"] == "10"
    assert box.configuration["ClockAlignedDataInterval"] == "900"


@pytest.mark.parametrize(
    ("manners", "sampled"),
    [
        (Manners(), "Energy.Active.Import.Register,Power.Active.Import,Current.Import"),
        (
            Manners(offers_measured=True),
            "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered",
        ),
    ],
)
async def test_a_box_that_refuses_a_list_for_one_measurand_is_asked_for_less(
    site: Site, manners: Manners, sampled: str
) -> None:
    site.connector()
    box = await site.connected(manners=manners)
    assert box.configuration["MeterValuesSampledData"] == sampled


async def test_what_is_right_already_is_not_written(site: Site) -> None:
    """Not after a reconnect, and not after a restart of ours: keys live in flash."""
    site.connector()
    box = await site.connected(manners=Manners(offers_measured=True))
    written = len(told(box, "ChangeConfiguration"))
    await box.drop()
    await site.shut()
    await site.open()
    site.connector()
    await box.connect(boot=False)
    box.say_again("Heartbeat", {})
    await site.settles()
    assert len(told(box, "GetConfiguration")) == 2
    assert len(told(box, "ChangeConfiguration")) == written
    assert len(told(box, "ClearCache")) == 1


async def test_a_box_that_lists_no_key_is_tried_with_all_and_called_open(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = site.box()
    box.configuration.clear()
    await box.connect()
    await site.settles()
    assert {change["key"] for change in told(box, "ChangeConfiguration")} >= LETS_NOBODY_IN.keys()
    assert connector.ports.on_silence is OPENS
    assert lock_quality(connector.ports) is LockQuality.DETECT_AND_BILL


async def test_a_key_that_changes_with_the_next_start_is_not_in_force_before_it(site: Site) -> None:
    connector = site.connector()
    box = await site.connected(manners=Manners(wants_reboot=("AllowOfflineTxForUnknownId",)))
    assert connector.ports.on_silence is OPENS
    await box.reboot()
    await site.passes(30)
    await box.connect()
    await site.settles()
    assert connector.ports.on_silence is HOLDS


def test_before_a_box_has_called_nothing_is_promised_of_an_unplug() -> None:
    assert (OCPP_PORTS.on_silence, OCPP_PORTS.on_reboot, OCPP_PORTS.on_unplug) == (HOLDS, CLOSED, HOLDS)
    assert lock_quality(OCPP_PORTS) is LockQuality.HELD


@pytest.mark.parametrize(
    ("changes", "answers"),
    [
        ({}, (HOLDS, CLOSED, CLOSED)),
        ({"StopTransactionOnEVSideDisconnect": "false"}, (HOLDS, CLOSED, HOLDS)),
        ({"AllowOfflineTxForUnknownId": "true"}, (OPENS, OPENS, CLOSED)),
        ({"AllowOfflineTxForUnknownId": "True"}, (OPENS, OPENS, CLOSED)),
        ({"LocalAuthorizeOffline": "true"}, (HOLDS, CLOSED, CLOSED)),
        ({"LocalAuthorizeOffline": "true", "AuthorizationCacheEnabled": "true"}, (HOLDS, HOLDS, CLOSED)),
        ({"LocalAuthorizeOffline": "true", "LocalAuthListEnabled": "true"}, (HOLDS, HOLDS, CLOSED)),
    ],
)
def test_what_a_box_does_alone_follows_from_what_it_says(
    changes: dict[str, str], answers: tuple[OnLoss, OnLoss, OnLoss]
) -> None:
    settings = {key: Setting(value=value) for key, value in (LETS_NOBODY_IN | changes).items()}
    assert on_loss(settings) == answers


def test_a_box_that_says_nothing_of_itself_may_do_anything() -> None:
    assert on_loss({}) == (OPENS, OPENS, HOLDS)
