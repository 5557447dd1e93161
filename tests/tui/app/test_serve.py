"""The app in a browser: over WebSockets of this machine, for pages of this server, up to a cap."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from models.console.command import ExitCode
from tui.app import serve

RUN = "import sys; from tui.cli import main; sys.argv[0] = 'sentiment-tui'; main()"


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def command(*arguments: object, before: str = "") -> list[str]:
    return [sys.executable, "-c", before + RUN, *map(str, arguments)]


async def until_it_listens(session: aiohttp.ClientSession, url: str) -> str:
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get(url) as page:
                    assert page.status == 200
                    assert "googleapis" not in page.headers["Content-Security-Policy"]
                    return await page.text()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def shown(socket: aiohttp.ClientWebSocketResponse, words: str) -> None:
    seen = b""
    async with asyncio.timeout(60):
        while words.encode() not in seen:
            seen += (await socket.receive()).data


async def test_a_tab_shows_the_app_and_others_are_kept_out(model: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    options = ["--model", model, "--device", "cpu", "--serve", port]
    server = subprocess.Popen(command(*options), stdout=subprocess.PIPE, text=True)
    async with AsyncExitStack() as stack:
        stack.callback(server.send_signal, signal.SIGINT)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        assert f"ws://127.0.0.1:{port}/ws" in await until_it_listens(session, url)
        for headers in ({"Origin": "http://evil.example"}, {"Host": f"evil.example:{port}"}):
            async with session.get(f"{url}/ws", headers=headers) as page:
                assert page.status == 403
        tab = await session.ws_connect(f"{url}/ws?width=80&height=24")
        await shown(tab, "CPU")
        await tab.close()
    told, _ = server.communicate(timeout=60)
    assert (server.returncode, told) == (0, f"Open {url} in a browser. Ctrl+C ends.\n")


async def test_there_are_so_many_sessions_at_once_and_no_more(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_SESSIONS", 1)
    loopback = serve.LoopbackServer("head -c 1", port)  # a command that ends when told to quit
    app = await loopback._make_app()
    async with TestServer(app, port=port) as server, aiohttp.ClientSession() as session:
        url = server.make_url("/ws")
        tab = await session.ws_connect(url)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await session.ws_connect(url)
        await tab.close()
        async with asyncio.timeout(60):
            while loopback._sessions:  # until the app of that tab has ended
                await asyncio.sleep(0.01)
            await (await session.ws_connect(url)).close()
            while loopback._sessions:
                await asyncio.sleep(0.01)


def test_without_textual_serve_the_command_that_installs_it_is_named(model: Path) -> None:
    missing = "import sys; sys.modules['textual_serve.server'] = None; "
    run = command("--model", model, "--serve", before=missing)
    done = subprocess.run(run, capture_output=True, text=True, env=os.environ)
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "pip install 'sentiment-tui[serve]'" in done.stderr


def test_a_port_that_is_taken_is_named(model: Path, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        run = command("--model", model, "--serve", port)
        done = subprocess.run(run, capture_output=True, text=True, env=os.environ)
    assert done.returncode == ExitCode.IO
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
