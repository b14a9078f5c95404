"""`python -m evshare_app` as a process: it says how to pair, listens, and stops when it is told to."""

import asyncio
import os
from pathlib import Path
import re
import signal
import sys

from aiohttp import ClientSession

import evshare_app

ADDON = Path(evshare_app.__file__).parents[1]


async def start(data_dir: Path, **settings: str) -> asyncio.subprocess.Process:
    ports = {f"EVSHARE_{door}_PORT": "0" for door in ("PORTAL", "OFFICE", "LINK")}
    environment = {**os.environ, **ports, "EVSHARE_PORTAL_HOST": "127.0.0.1", "EVSHARE_DATA_DIR": str(data_dir)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evshare_app",
        env={**environment, "PYTHONPATH": str(ADDON), **settings},
        stderr=asyncio.subprocess.PIPE,
    )


async def until_listening(program: asyncio.subprocess.Process) -> str:
    """Return what it logged until its doors were open."""
    assert program.stderr
    log = ""
    while "Listening" not in log:
        line = await program.stderr.readline()
        assert line, log
        log += line.decode()
    return log


async def test_it_prints_the_pairing_token_once_and_stops_on_sigterm(tmp_path: Path) -> None:
    program = await start(tmp_path)
    first = await until_listening(program)
    token = (tmp_path / "keys" / "pairing.token").read_text()
    assert token in first
    office = re.search(r"office on port (\d+)", first)
    assert office
    async with ClientSession() as http, http.get(f"http://127.0.0.1:{office[1]}/office/health") as answer:
        assert answer.status == 200
    program.send_signal(signal.SIGTERM)
    assert await program.wait() == 0

    program = await start(tmp_path)
    assert token not in await until_listening(program)
    program.send_signal(signal.SIGTERM)
    assert await program.wait() == 0
    assert (tmp_path / "keys" / "pairing.token").read_text() == token


async def test_a_setting_that_cannot_be_ends_it_with_a_clear_line(tmp_path: Path) -> None:
    program = await start(tmp_path, EVSHARE_PORTAL_URL="laden.example.org")
    _, log = await program.communicate()
    assert program.returncode == 2
    assert "portal_url: got 'laden.example.org', accepted is http(s)://host[:port]" in log.decode()
    assert "Traceback" not in log.decode()
