"""What a box signs goes to the stall as it was signed, with the session it is about.

The KEBA text and key are published with the SAFE transparency software's tests (`test_ocmf_keba_kcp30.xml`). Wrapping:
Open Charge Alliance, "Signed Meter Values" 1.0, section 3.2.1.
"""

import base64
import json

import pytest

from custom_components.evshare.connectors.ocpp.signed import signed_value
from custom_components.evshare.model import SessionId, SignedValue
from demo.boxes.ocpp_box import Manners

from .conftest import ANNA, BEN, Site, Stall, car

KEY = (
    "3059301306072A8648CE3D020106082A8648CE3D030107034200043AEEB45C392357820A58FDFB0857BD77ADA31585C61C430531DFA53B440A"
    "FBFDD95AC887C658EA55260F808F55CA948DF235C2108A0D6DC7D4AB1A5E1A7955BE"
)
OCMF = 'OCMF|{"FV":"1.0","PG":"T32", "RD":[{"TX":"E","RV":0.2597}]}|{"SD":"3045"}'
FIRST, SECOND = SessionId("session-1"), SessionId("session-2")


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def wrapped(**fields: object) -> str:
    return json.dumps({"signedMeterData": b64(OCMF), "signingMethod": "", "encodingMethod": "OCMF"} | fields)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (OCMF, SignedValue(format="OCMF", text=OCMF, public_key=None)),
        (wrapped(publicKey=""), SignedValue(format="OCMF", text=OCMF, public_key=None)),
        (
            wrapped(publicKey=b64(f"oca:base16:asn1:{KEY}")),
            SignedValue(format="OCMF", text=OCMF, public_key=KEY),
        ),
        (
            wrapped(publicKey=b64(bytes.fromhex(KEY))),
            SignedValue(format="OCMF", text=OCMF, public_key=b64(bytes.fromhex(KEY))),
        ),
        (wrapped(signedMeterData=OCMF), SignedValue(format="OCMF", text=OCMF, public_key=None)),
        (
            wrapped(signedMeterData=b64("<signed/>"), encodingMethod="EDL"),
            SignedValue(format="EDL", text="<signed/>", public_key=None),
        ),
        # What cannot be unwrapped is kept wrapped.
        (wrapped(signedMeterData="?"), SignedValue(format="OCMF", text=wrapped(signedMeterData="?"), public_key=None)),
        ("AP;0;3;ALC", SignedValue(format="unknown", text="AP;0;3;ALC", public_key=None)),
    ],
    ids=["bare", "wrapped", "key", "der key", "no base64", "other", "broken", "unknown"],
)
def test_the_signed_text_is_taken_out_of_its_wrapping_and_not_touched(text: str, value: SignedValue) -> None:
    assert signed_value(text) == value


@pytest.mark.parametrize("text", ["", "OCMF|" + "x" * 8000, "OCMF|\0", wrapped(signedMeterData=b64("x" * 8001))])
def test_nothing_and_too_much_is_no_evidence(text: str) -> None:
    assert signed_value(text) is None


async def test_what_a_transaction_ends_with_is_told_with_the_session_it_began_in(site: Site, stall: Stall) -> None:
    """The next session may have begun when the box tells how the last transaction ended."""
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(signs_transactions=True, says_twice=True))
    await connector.prepare()
    box.plug(car())
    stall.session_id = FIRST
    box.show_card(ANNA)
    await site.settles()
    await connector.enable(16)
    await site.passes(30)
    stall.session_id = SECOND
    box.press_stop()
    await site.settles()
    assert stall.evidence == [
        (
            FIRST,
            SignedValue(format="OCMF", text=box.signing_meter.texts[0], public_key=box.signing_meter.public_key),
        )
    ]


async def test_it_waits_for_a_stall_that_is_coming_up_again(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(signs_transactions=True))
    await connector.prepare()
    box.plug(car())
    stall.session_id = FIRST
    box.show_card(ANNA)
    await site.settles()
    connector.watch(None)
    box.unplug()
    await site.settles()
    assert stall.evidence == []
    connector.watch(stall)
    await connector.poll()
    assert [(session, value.text) for session, value in stall.evidence] == [(FIRST, box.signing_meter.texts[0])]


async def test_the_session_is_remembered_over_a_restart(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(signs_transactions=True))
    await connector.prepare()
    box.plug(car())
    stall.session_id = FIRST
    box.show_card(ANNA)
    await site.settles()
    await box.drop()
    await site.shut()
    box.unplug()
    await site.open()
    stall.session_id = None
    connector = site.connector(stall=stall)
    await box.connect(boot=False)
    await site.settles()
    assert [session for session, _ in stall.evidence] == [FIRST]


async def test_what_is_signed_about_a_stranger_is_nobodys(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(signs_transactions=True, authorises_locally=True))
    await connector.prepare()
    stall.session_id = SECOND
    stall.answers.pop(BEN)
    box.plug(car())
    box.show_card(BEN)
    await site.passes(10)
    box.unplug()
    await site.settles()
    assert len(box.signing_meter.texts) == 1
    assert stall.evidence == []
