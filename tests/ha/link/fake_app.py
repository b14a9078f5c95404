"""A stand-in for the app that speaks docs/link.md on a real WebSocket and does nothing else."""

from typing import Any

from aiohttp import WSMsgType, web

TOKEN = "a-pairing-token"


class FakeApp:
    """Takes records in order, keeps what it hears, and says what a test lets it say."""

    def __init__(self) -> None:
        self.url = ""
        self.version = 2
        self.heard: list[dict[str, Any]] = []
        self.records: dict[str, dict[int, dict[str, Any]]] = {}
        """By incarnation and seq, as taken into the books."""
        self.repeated: list[tuple[str, int]] = []
        """Records that came although the books had them."""
        self.acks = True
        self.welcomes: dict[str, Any] | None = None
        """Another answer to hello than the right one."""
        self.connections = 0
        self._sockets: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Open for business, on the same port as before."""
        app = web.Application()
        app.router.add_get("/link/v1", self._link)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Be gone."""
        for socket in list(self._sockets):
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def ack_seq(self, incarnation: str) -> int:
        """The highest contiguous seq in the books."""
        seq = 0
        while seq + 1 in self.records.get(incarnation, {}):
            seq += 1
        return seq

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """What was heard of one type."""
        return [frame for frame in self.heard if frame["type"] == kind]

    async def say(self, **frame: Any) -> None:
        """Send a frame on the newest connection."""
        await self._sockets[-1].send_json({"v": self.version, **frame})

    async def say_text(self, text: str) -> None:
        """Send anything."""
        await self._sockets[-1].send_str(text)

    async def drop(self) -> None:
        """Break the connection."""
        await self._sockets[-1].close()

    def answers(self, ask_id: str) -> list[dict[str, Any]]:
        """The answers to an ask."""
        return [frame for frame in self.of_type("answer") if frame["id"] == ask_id]

    async def _link(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        self._sockets.append(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._hear(socket, message.json())
        finally:
            self._sockets.remove(socket)
        return socket

    async def _hear(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        self.heard.append(frame)
        if frame["type"] == "hello":
            welcome = {"type": "welcome", "version": self.version, "ack_seq": self.ack_seq(frame["incarnation"])}
            await socket.send_json({"v": self.version, **(self.welcomes or welcome)})
        elif frame["type"] == "records":
            incarnation = frame["incarnation"]
            books = self.records.setdefault(incarnation, {})
            first = frame["records"][0]["seq"]
            if first > self.ack_seq(incarnation) + 1:
                gap = {"type": "error", "code": "gap", "message": "gap", "ack_seq": self.ack_seq(incarnation)}
                await socket.send_json({"v": self.version, **gap})
                return
            for record in frame["records"]:
                if record["seq"] in books:
                    assert books[record["seq"]] == record, "the same number always means the same record"
                    self.repeated.append((incarnation, record["seq"]))
                books[record["seq"]] = record
            if self.acks:
                ack = {"type": "ack", "incarnation": incarnation, "ack_seq": self.ack_seq(incarnation)}
                await socket.send_json({"v": self.version, **ack})
