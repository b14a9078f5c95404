"""Tinkerforge WARP Charger over HTTP and WebSocket (connectors.md 2.11, 3.4; connectors.yaml ``warp_http``;
docs.warp-charger.com, API reference). Its electronics are in ``warp_charger.py``.

State is read with GET; POST or PUT on the same path writes, answered with an empty 200 or a text with 400. An object
with one member may be written as the bare value. Every state also comes over ``/ws`` as ``{"topic", "payload"}``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import json

from aiohttp import web

from demo.boxes.auth import Digest, Open
from demo.boxes.model import Box, BoxModel, Kind, Site
from demo.boxes.push import Listeners, Topics
from demo.boxes.replies import BadBody, json_body
from demo.boxes.warp_charger import FULL_MA, SEEN_TAGS, VALUE_IDS, Tag, Warp
from demo.doors import HttpHandler

_MIN_MA = 6_000
_HEX = frozenset("0123456789ABCDEF")


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One resource of the API."""

    read: Callable[[], object] | None = None
    write: Callable[[dict[str, object]], None] | None = None
    members: tuple[str, ...] = ()
    """What a written object must have; none for an action without payload."""


class Api:
    """Every resource this charger has."""

    def __init__(self, warp: Warp) -> None:
        """The resources of `warp`."""
        self._warp = warp
        self.topics = self._general() | self._slots() | (self._meter() if warp.has_meter else {})
        self.topics |= self._reader() if warp.has_nfc else {}

    def _general(self) -> dict[str, Topic]:
        warp = self._warp
        return {
            "info/name": Topic(
                read=lambda: {
                    "name": f"{warp.name}-{warp.serial}",
                    "type": warp.name,
                    "display_type": f"{warp.name.upper()} Charger {'Pro' if warp.has_meter else 'Smart'} 22kW",
                    "uid": warp.serial,
                }
            ),
            "info/version": Topic(
                read=lambda: {"firmware": "2.8.0+65a1b2c3", "config": "2.8.0", "config_type": warp.name}
            ),
            "info/features": Topic(read=self._features),
            "evse/state": Topic(read=warp.state),
            "evse/low_level_state": Topic(read=lambda: {"uptime": warp.uptime_s * 1000}),
            "charge_tracker/current_charge": Topic(read=self._current_charge),
            "power_manager/external_control": Topic(
                read=lambda: {"phases_wanted": warp.phases_wanted}, write=self._want_phases, members=("phases_wanted",)
            ),
            "evse/phase_auto_switch": Topic(
                read=lambda: {"enabled": warp.stored.phase_auto_switch},
                write=lambda body: warp.switch_phases_itself(_truth(body, "enabled")),
                members=("enabled",),
            ),
        }

    def _slots(self) -> dict[str, Topic]:
        warp, stored = self._warp, self._warp.stored
        return {
            "evse/slots": Topic(
                read=lambda: [
                    {
                        "max_current": slot.max_ma,
                        "active": slot.active,
                        "clear_on_disconnect": slot.clear_on_disconnect,
                    }
                    for slot in warp.slots
                ]
            ),
            "evse/external_current": Topic(
                read=lambda: {"current": warp.external.max_ma},
                write=lambda body: warp.set_external(_current(body)),
                members=("current",),
            ),
            "evse/external_enabled": Topic(
                read=lambda: {"enabled": warp.external.active},
                write=lambda body: warp.enable_external(_truth(body, "enabled")),
                members=("enabled",),
            ),
            "evse/external_clear_on_disconnect": Topic(
                read=lambda: {"clear_on_disconnect": warp.external.clear_on_disconnect},
                write=lambda body: warp.set_external_clear(_truth(body, "clear_on_disconnect")),
                members=("clear_on_disconnect",),
            ),
            "evse/external_defaults": Topic(
                read=lambda: {"current": stored.external_ma, "clear_on_disconnect": stored.external_clear},
                write=lambda body: warp.set_external_defaults(_current(body), _truth(body, "clear_on_disconnect")),
                members=("current", "clear_on_disconnect"),
            ),
            "evse/global_current": Topic(
                read=lambda: {"current": stored.global_ma},
                write=lambda body: warp.set_global(_current(body)),
                members=("current",),
            ),
            "evse/user_enabled": Topic(
                read=lambda: {"enabled": stored.user_enabled},
                write=lambda body: warp.enable_user(_truth(body, "enabled")),
                members=("enabled",),
            ),
            "evse/start_charging": Topic(write=lambda _body: warp.press_button(True)),
            "evse/stop_charging": Topic(write=lambda _body: warp.press_button(False)),
        }

    def _meter(self) -> dict[str, Topic]:
        return {
            "meters/0/value_ids": Topic(read=lambda: list(VALUE_IDS)),
            "meters/0/values": Topic(read=self._warp.meter_values),
        }

    def _reader(self) -> dict[str, Topic]:
        members = ("tag_type", "tag_id")
        return {
            "nfc/seen_tags": Topic(read=self._seen_tags),
            "nfc/config": Topic(read=self._authorized, write=self._authorize, members=("authorized_tags",)),
            "nfc/inject_tag": Topic(write=lambda body: self._inject(body, starts=True, stops=True), members=members),
            "nfc/inject_tag_start": Topic(
                write=lambda body: self._inject(body, starts=True, stops=False), members=members
            ),
            "nfc/inject_tag_stop": Topic(
                write=lambda body: self._inject(body, starts=False, stops=True), members=members
            ),
        }

    def _features(self) -> list[str]:
        features = ["evse", "cp_disconnect", "ethernet", "phase_switch"]
        features += ["meters", "meter", "meter_all_values", "meter_phases"] if self._warp.has_meter else []
        return features + (["nfc"] if self._warp.has_nfc else [])

    def _seen_tags(self) -> list[dict[str, object]]:
        """Eight places, latest first, then the pretended tag; an empty place has an age of 0 like a tag just seen."""
        places: list[Tag | None] = [*self._warp.tags]
        places += [None] * (SEEN_TAGS - len(places))
        return [
            {"tag_type": 0, "tag_id": "", "last_seen": 0}
            if tag is None
            else {"tag_type": tag.kind, "tag_id": tag.uid, "last_seen": (self._warp.age_s - tag.seen_at_s) * 1000}
            for tag in (*places, self._warp.injected)
        ]

    def _current_charge(self) -> dict[str, object]:
        charge = self._warp.charge
        if charge is None:
            return {
                "user_id": -1,
                "meter_start": 0,
                "evse_uptime_start": 0,
                "timestamp_minutes": 0,
                "authorization_type": 0,
                "authorization_info": None,
            }
        tag = charge.tag
        return {
            "user_id": 0 if tag is None else self._warp.stored.authorized.get(tag.uid, 0),
            "meter_start": charge.meter_start_kwh,
            "evse_uptime_start": charge.uptime_s,
            "timestamp_minutes": 0,
            "authorization_type": charge.authorization,
            "authorization_info": None if tag is None else {"tag_type": tag.kind, "tag_id": tag.uid},
        }

    def _authorized(self) -> dict[str, object]:
        known = self._warp.stored.authorized
        return {"authorized_tags": [{"user_id": user, "tag_type": 0, "tag_id": uid} for uid, user in known.items()]}

    def _authorize(self, body: dict[str, object]) -> None:
        tags = body["authorized_tags"]
        if not isinstance(tags, list) or len(tags) > 16:
            raise BadBody("authorized_tags: accepted is a list of up to 16 tags")
        known: dict[str, int] = {}
        for tag in tags:
            if not isinstance(tag, dict) or not isinstance(tag.get("user_id"), int):
                raise BadBody(f"authorized_tags: {tag!r} has no user_id, tag_type and tag_id")
            known[_uid(tag)] = tag["user_id"]
        self._warp.authorize(known)

    def _inject(self, body: dict[str, object], *, starts: bool, stops: bool) -> None:
        kind = body["tag_type"]
        if isinstance(kind, bool) or kind not in (0, 1, 2, 3, 4):
            raise BadBody(f"tag_type: {kind!r} is not 0 to 4")
        self._warp.inject(int(kind), _uid(body), starts=starts, stops=stops)

    def _want_phases(self, body: dict[str, object]) -> None:
        wanted = body["phases_wanted"]
        if isinstance(wanted, bool) or wanted not in (1, 3):
            raise BadBody(f"phases_wanted: {wanted!r} is not 1 or 3")
        self._warp.phases_wanted = int(wanted)

    def readable(self) -> dict[str, object]:
        """Every state, by topic."""
        return {name: topic.read() for name, topic in self.topics.items() if topic.read is not None}

    def write(self, name: str, topic: Topic, value: object) -> None:
        """Carry out a write. Raises BadBody and changes nothing when it is not acceptable."""
        if not topic.members:
            if value not in (None, "", False, 0, [], {}):
                raise BadBody(f"body: {value!r} is not empty")
            body: dict[str, object] = {}
        elif len(topic.members) == 1 and not isinstance(value, dict):
            body = {topic.members[0]: value}
        elif isinstance(value, dict) and set(value) == set(topic.members):
            body = value
        else:
            raise BadBody(f"body: {value!r}; accepted is an object with {', '.join(topic.members)}")
        assert topic.write is not None
        topic.write(body)
        self._warp.commanded(name, next(iter(body.values()), None) if len(body) < 2 else body)


def _current(body: Mapping[str, object]) -> int:
    value = body["current"]
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or _MIN_MA <= value <= FULL_MA):
        raise BadBody(f"current: {value!r} is not 0 or {_MIN_MA} to {FULL_MA}")
    return value


def _truth(body: Mapping[str, object], name: str) -> bool:
    value = body[name]
    if not isinstance(value, bool):
        raise BadBody(f"{name}: {value!r} is not true or false")
    return value


def _uid(body: Mapping[str, object]) -> str:
    uid = body.get("tag_id")
    pairs = uid.split(":") if isinstance(uid, str) else []
    if not 4 <= len(pairs) <= 10 or any(len(pair) != 2 or not _HEX.issuperset(pair.upper()) for pair in pairs):
        raise BadBody(f"tag_id: {uid!r} is not 4 to 10 hex bytes with colons, such as 01:23:AB:3D")
    return ":".join(pairs).upper()


def _frame(new: Topics) -> str:
    """One line for each topic; several in one message when several changed [u]."""
    return "".join(json.dumps({"topic": topic, "payload": payload}) + "\n" for topic, payload in new.items())


def http_handler(api: Api, listeners: Listeners, guard: Open | Digest) -> HttpHandler:
    """The charger's web server."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        refusal = guard.refusal(request)
        if refusal is not None:
            return refusal
        if request.path == "/ws":
            return await listeners.serve(request, topics=api.readable, frame=_frame)
        name = request.path.removeprefix("/")
        topic = api.topics.get(name)
        if topic is None:
            return web.Response(status=404, text="URI does not exist")
        if request.method == "GET" and topic.read is not None:
            return web.json_response(topic.read())
        if request.method not in ("POST", "PUT") or topic.write is None:
            return web.Response(status=405, text="Request method for this URI is not handled by server")
        try:
            api.write(name, topic, await json_body(request))
        except BadBody as wrong:
            return web.Response(status=400, text=str(wrong))
        listeners.changed()
        return web.Response()

    return handle


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    warp = Warp(outlet, site.options)
    password = site.options.word("password")
    # The reference says only that digest is optional; MD5 is what ESP32 web servers offer [u].
    guard: Open | Digest = Open()
    if password:
        guard = Digest("warp", site.options.word("user"), password, algorithm="MD5", seconds=lambda: warp.age_s)
    listeners = Listeners()
    handler = http_handler(Api(warp), listeners, guard)
    return Box(wallboxes=[warp], handler=handler, pulse=listeners.changed)


MODELS = (
    BoxModel(
        id="warp_http",
        name="Tinkerforge WARP3 Charger Pro",
        kind=Kind.HTTP,
        build=_build,
        serial="XyZ1",
        has_card=True,
        options={"type": "warp3", "meter": True, "nfc": True, "user": "warp", "password": ""},
    ),
)
