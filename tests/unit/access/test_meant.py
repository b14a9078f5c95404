"""Which stall a card means at a reader of several."""

from dataclasses import replace

import pytest

from custom_components.evshare.access import AccessView, CardAsk, meant
from custom_components.evshare.model import CredentialKind, StallId, StallStatus
from tests.unit.access.house import (
    ANNA,
    CARD,
    CARLA,
    FREE,
    NOW,
    PLUGGED,
    PLUGGED_LONG_AGO,
    STALL_1,
    STALL_2,
    VIEW,
    Stall,
    session_of,
)

STALL_3 = StallId("stall-3")
ANNAS = replace(PLUGGED, status=StallStatus.CHARGING, session=session_of(ANNA))
CARLAS = replace(PLUGGED, status=StallStatus.CHARGING, session=session_of(CARLA))
SILENT = Stall(status=StallStatus.UNAVAILABLE)
AFTER_ANNA = replace(PLUGGED_LONG_AGO, finished_on_epoch=4, finished_resident_id=ANNA)
AFTER_CARLA = replace(AFTER_ANNA, finished_resident_id=CARLA)


def which(*stalls: Stall, ask: CardAsk = CARD, view: AccessView = VIEW) -> str | None:
    row = [stall.named(name) for stall, name in zip(stalls, (STALL_1, STALL_2, STALL_3), strict=False)]
    chosen = meant(ask, view, row, NOW)
    return None if chosen is None else chosen.config.id


@pytest.mark.parametrize(
    ("stalls", "expected"),
    [
        ((PLUGGED, ANNAS), STALL_2),  # the holder's own session, even beside a car that just came
        ((CARLAS, PLUGGED), STALL_2),
        ((FREE, PLUGGED), STALL_2),
        ((PLUGGED_LONG_AGO, PLUGGED), STALL_2),  # a car that has stood there for long is somebody else's
        ((PLUGGED, PLUGGED), None),
        ((PLUGGED, replace(PLUGGED, plugged_mono_s=NOW.mono_s - 120)), None),
        ((PLUGGED, replace(PLUGGED, plugged_mono_s=NOW.mono_s - 121)), STALL_1),
        ((PLUGGED_LONG_AGO, FREE), None),  # whose car is it?
        ((PLUGGED_LONG_AGO, CARLAS), None),
        ((replace(PLUGGED, plugged_mono_s=None), CARLAS), None),
        ((AFTER_ANNA, FREE), STALL_1),  # their own car goes on
        ((AFTER_CARLA, FREE), None),
        ((AFTER_ANNA, PLUGGED), STALL_2),
        ((FREE, FREE), None),
        ((CARLAS, FREE), STALL_2),  # the only free one waits for the plug
        ((SILENT, FREE), STALL_2),
        ((replace(SILENT, plugged=True, plugged_mono_s=NOW.mono_s), FREE), STALL_2),
        ((CARLAS, SILENT), STALL_1),  # nothing to be had: the first says why
        ((FREE,), STALL_1),
    ],
)
def test_a_card_means(stalls: tuple[Stall, ...], expected: str | None) -> None:
    assert which(*stalls) == expected


def test_of_two_own_sessions_the_one_this_card_began_is_meant() -> None:
    by_card = replace(ANNAS, session=session_of(kind=CredentialKind.CARD, by="c0"))
    assert which(ANNAS, by_card) == STALL_2
    assert which(ANNAS, ANNAS) is None


def test_a_card_nobody_knows_or_that_is_blocked_means_the_first() -> None:
    assert which(PLUGGED, PLUGGED, ask=CardAsk(fingerprint="stranger")) == STALL_1
    blocked = replace(VIEW, cards=(replace(VIEW.cards[0], blocked=True),))
    assert which(PLUGGED, PLUGGED, view=blocked) == STALL_1
