"""KEBA's text interface, by datagrams written by hand (connectors.md 2.1; connectors.yaml ``keba_udp``)."""

import asyncio
from collections.abc import AsyncIterator
import json
from typing import Any

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands

DONE, WRONG = "TCH-OK :done", "TCH-ERR :wrong"


class Talk(asyncio.DatagramProtocol):
    """Asks, and keeps what is pushed apart from what answers."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.pushed: dict[str, Any] = {}
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.put_nowait(data.decode("cp437"))

    async def ask(self, text: str) -> str:
        self.transport.sendto(text.encode("cp437"))
        return await self.next_answer()

    async def next_answer(self) -> str:
        while True:
            answer = await asyncio.wait_for(self.heard.get(), 2)
            if not answer.startswith("{") or '"ID"' in answer:
                return answer.rstrip()
            self.pushed |= json.loads(answer)

    async def report(self, number: int) -> dict[str, Any]:
        answer = json.loads(await self.ask(f"report {number}"))
        assert answer["ID"] == str(number)
        assert isinstance(answer, dict)
        return answer


async def talk_to(stand: Stand) -> Talk:
    loop = asyncio.get_running_loop()
    _transport, talk = await loop.create_datagram_endpoint(Talk, remote_addr=("127.0.0.1", stand.ports["udp"]))
    return talk


@pytest.fixture
async def stand(clock: Hands) -> AsyncIterator[Stand]:
    async with Stand("keba_p30", clock, serial="12345678", options={"udp": True}) as stand:
        yield stand


@pytest.fixture
async def talk(stand: Stand) -> AsyncIterator[Talk]:
    talk = await talk_to(stand)
    yield talk
    talk.transport.close()


async def test_it_says_who_it_is(talk: Talk) -> None:
    assert (await talk.ask("i")).startswith('"Firmware":')
    identity = await talk.report(1)
    assert identity["Serial"] == "12345678"
    assert identity["Product"].startswith("KC-P30-")
    assert identity["Firmware"].startswith("P30 v 3.10.42")


async def test_report_2_has_state_plug_and_limits(talk: Talk, stand: Stand, clock: Hands) -> None:
    """Reference: "State Plug AuthON Authreq 'Enable sys' 'Enable user' 'Max curr' 'Curr user' 'Curr FS' 'Tmo FS'"."""
    report = await talk.report(2)
    assert (report["State"], report["Plug"], report["Enable sys"], report["Tmo FS"]) == (1, 0, 1, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    assert await talk.ask("curr 10000") == DONE
    clock.forward(30)
    report = await talk.report(2)
    assert (report["State"], report["Plug"], report["Max curr"], report["Curr user"]) == (3, 7, 10_000, 10_000)
    assert (report["AuthON"], report["Authreq"]) == (0, 0)


async def test_report_3_has_volts_milliamperes_milliwatts_and_tenths_of_watt_hours(
    talk: Talk, stand: Stand, clock: Hands
) -> None:
    """Reference: "U1-3 V, I1-3 mA, P mW, PF, 'E pres' 0.1Wh, 'E total' 0.1Wh"."""
    assert (await talk.report(3))["E total"] == 1_370_000
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(60)
    report = await talk.report(3)
    assert (report["U1"], report["I3"], report["P"]) == (230, 16_000, 11_040_000)
    assert report["E total"] - 1_370_000 == report["E pres"]
    assert report["E pres"] / 10 == pytest.approx(stand.true_register_wh() - 137_000, abs=1)


async def test_ena_stops_and_starts(talk: Talk, stand: Stand, clock: Hands) -> None:
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert await talk.ask("ena 0") == DONE
    clock.forward(10)
    assert stand.power_w == 0
    assert (await talk.report(2))["State"] == 5
    assert await talk.ask("ena 1") == DONE
    clock.forward(30)
    assert stand.power_w == 11_040
    assert stand.commands == [("ena", "0"), ("ena", "1")]


async def test_currtime_acts_later(talk: Talk, stand: Stand, clock: Hands) -> None:
    stand.plug(Car(name="a", need_wh=20_000))
    assert await talk.ask("currtime 6000 20") == DONE
    clock.forward(10)
    report = await talk.report(2)
    assert (report["Curr user"], report["Curr timer"], report["Tmo CT"]) == (32_000, 6_000, 10)
    clock.forward(10)
    report = await talk.report(2)
    assert (report["Curr user"], report["Curr timer"], report["Tmo CT"]) == (6_000, 0, 0)


@pytest.mark.parametrize(
    "text", ["", "curr 5999", "curr 63001", "curr much", "ena 2", "failsafe 5 6000 0", "report 4", "fly", "unlock"]
)
async def test_nonsense_is_an_error_and_changes_nothing(text: str, talk: Talk, stand: Stand) -> None:
    before = await talk.report(2)
    assert await talk.ask(text) == WRONG
    assert await talk.report(2) == before
    assert stand.commands == []


@pytest.mark.parametrize("fed_by", ["curr 16000", "currtime 16000 0", "ena 1"])
async def test_the_failsafe_is_fed_by_curr_currtime_and_ena_only(
    fed_by: str, talk: Talk, stand: Stand, clock: Hands
) -> None:
    """Reference: "What feeds the timer over UDP: curr, currtime or ena"; after a trip 'Enable sys' is 0."""
    stand.plug(Car(name="a", need_wh=20_000))
    assert await talk.ask("failsafe 30 0 0") == DONE
    clock.forward(20)
    assert await talk.ask(fed_by) == DONE
    clock.forward(20)
    assert (await talk.report(2))["Enable sys"] == 1
    clock.forward(10)
    report = await talk.report(2)
    assert (report["Enable sys"], report["Curr FS"], report["Tmo FS"]) == (0, 0, 30)
    clock.forward(5)
    assert stand.power_w == 0


async def test_report_100_has_the_whole_card_and_history_the_sessions_before(
    talk: Talk, stand: Stand, clock: Hands
) -> None:
    """Reference: "UDP `report 100` holds the full RFID tag"; "101-130: history of last 30 sessions"."""
    assert (await talk.report(101))["Session ID"] == 0
    stand.plug(Car(name="a", need_wh=20_000))
    stand.show_card("04A1B2C3D4E5F6")
    clock.forward(60)
    running = await talk.report(100)
    assert running["RFID tag"] == "04a1b2c3d4e5f600"
    assert (running["E start"], running["ended[s]"]) == (1_370_000, 0)
    stand.unplug()
    clock.forward(60)
    past = await talk.report(101)
    assert past["RFID tag"] == "04a1b2c3d4e5f600"
    assert past["E pres"] / 10 == pytest.approx(stand.true_register_wh() - 137_000, abs=1)
    assert past["ended[s]"] - past["started[s]"] == pytest.approx(60, abs=60)
    assert (await talk.report(102))["Session ID"] == 0


async def test_start_and_stop_authorise_a_card_from_afar(clock: Hands) -> None:
    options = {"udp": True, "authorisation": True, "cards": "11223344"}
    async with Stand("keba_p30", clock, options=options) as stand:
        talk = await talk_to(stand)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert (await talk.report(2))["Authreq"] == 1
        assert stand.power_w == 0
        assert await talk.ask("start 04A1B2C3 01010400000000000000") == DONE
        clock.forward(30)
        assert stand.power_w > 0
        assert (await talk.report(2))["Authreq"] == 0
        assert await talk.ask("stop 55555555") == WRONG
        assert await talk.ask("stop 04A1B2C3") == DONE
        clock.forward(10)
        assert stand.power_w == 0
        talk.transport.close()


async def test_setenergy_ends_the_session_at_tenths_of_a_watt_hour(talk: Talk, stand: Stand, clock: Hands) -> None:
    stand.plug(Car(name="a", need_wh=20_000))
    assert await talk.ask("setenergy 10005") == DONE
    clock.forward(7200)
    assert stand.true_register_wh() - 137_000 == pytest.approx(1_000, abs=5)


async def test_the_plug_is_let_go_only_while_suspended(talk: Talk, stand: Stand, clock: Hands) -> None:
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert await talk.ask("unlock") == WRONG
    await talk.ask("ena 0")
    clock.forward(10)
    assert await talk.ask("unlock") == DONE
    assert (await talk.report(2))["Plug"] == 5


async def test_changes_are_pushed_to_whoever_asked_last(talk: Talk, stand: Stand, clock: Hands) -> None:
    """Reference: "UDP pushes State, Plug, Input, Enable sys, Max curr, E pres changes to the last sender"."""
    await talk.report(2)
    other = await talk_to(stand)
    await other.report(2)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    await stand.tick()
    await other.report(2)
    assert (other.pushed["State"], other.pushed["Plug"]) == (3, 7)
    assert other.pushed["E pres"] > 0
    assert talk.pushed == {}
    other.transport.close()


async def test_a_current_ordered_by_text_outlives_a_restart_the_gate_does_not(
    talk: Talk, stand: Stand, clock: Hands
) -> None:
    await talk.ask("curr 10000")
    await talk.ask("ena 0")
    await stand.reboot()
    clock.forward(30)
    await stand.tick()
    report = await talk.report(2)
    assert (report["Curr user"], report["Enable sys"]) == (10_000, 1)


async def test_dark_it_hears_nothing(talk: Talk, stand: Stand) -> None:
    await stand.drop()
    talk.transport.sendto(b"ena 0")
    await stand.restore()
    await talk.report(2)
    assert stand.commands == []


async def test_with_an_s10_phases_are_switched_by_text(clock: Hands) -> None:
    async with Stand("keba_p30", clock, options={"udp": True, "s10": True}) as stand:
        talk = await talk_to(stand)
        assert (await talk.report(2))["X2 phaseSwitch source"] == 4
        assert await talk.ask("x2 0") == DONE
        assert (await talk.report(2))["X2 phaseSwitch"] == 0
        assert await talk.ask("x2 1") == WRONG  # not within five minutes
        talk.transport.close()
