"""What stands between programs: a listener that hands requests on as they are, byte by byte, and notes them.

As a TLS proxy it is an owner's only public door; without TLS it shows what one program sends to another.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import ssl

_HEAD_ENDS = b"\r\n\r\n"


@dataclass
class Between:
    """What passed: one request for each connection."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    """Heads of requests, as they were sent to it."""
    answered: list[str] = field(default_factory=list)
    """Heads of answers."""

    @property
    def statuses(self) -> list[int]:
        """The statuses of all answers."""
        return [int(head.split(" ", 2)[1]) for head in self.answered]


@asynccontextmanager
async def between(
    to_port: int, *, tls: ssl.SSLContext | None = None, adds: Sequence[str] = ()
) -> AsyncIterator[Between]:
    """Listen on loopback for what is to go to `to_port`; `adds` are header lines it adds to each request."""
    noted = Between()

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner: asyncio.StreamWriter | None = None
        try:
            head = await reader.readuntil(_HEAD_ENDS)
            noted.asked.append(head.decode("latin-1"))
            lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith(b"connection:")]
            lines += [line.encode() for line in (*adds, "Connection: close")]
            answers, inner = await asyncio.open_connection("127.0.0.1", to_port)
            inner.write(b"\r\n".join(lines) + _HEAD_ENDS)
            sending = asyncio.create_task(_pump(reader, inner))
            try:
                answer = await answers.readuntil(_HEAD_ENDS)
                noted.answered.append(answer.decode("latin-1"))
                writer.write(answer)
                await _pump(answers, writer)
            finally:
                sending.cancel()
        except OSError, asyncio.IncompleteReadError:
            pass  # one of the two hung up, as both may
        finally:
            for one in (writer, inner):
                if one is not None:
                    one.close()

    server = await asyncio.start_server(hand_on, "127.0.0.1", 0, ssl=tls)
    noted.port = server.sockets[0].getsockname()[1]
    try:
        yield noted
    finally:
        server.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(64 * 1024):
        target.write(data)
        await target.drain()


@dataclass(frozen=True, kw_only=True)
class Raw:
    """An answer as it came."""

    status: int
    head: str
    body: bytes


async def ask(
    port: int,
    target: str,
    *headers: str,
    method: str = "GET",
    body: bytes = b"",
    tls: ssl.SSLContext | None = None,
) -> Raw:
    """Send a request whose target nobody tidies up on the way, and return the answer."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None
    )
    lines = [f"{method} {target} HTTP/1.1", f"Host: localhost:{port}", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    try:
        writer.write("\r\n".join(lines).encode() + _HEAD_ENDS + body)
        head, _, rest = (await reader.read()).partition(_HEAD_ENDS)
    finally:
        writer.close()
    return Raw(status=int(head.split(b" ", 2)[1]), head=head.decode("latin-1"), body=rest)
