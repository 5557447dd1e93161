"""The app in a browser: with the token, for pages of this server, up to a cap, in a folder."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from models.console.command import ExitCode
from tests.cli import invoker
from tests.tui.app.harness import SECONDS
from tui.app import serve
from tui.cli import cli

RUN = "import sys; from tui.cli import main; sys.argv[0] = 'sentiment-tui'; main()"


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def command(*arguments: object, before: str = "") -> list[str]:
    return [sys.executable, "-c", before + RUN, *map(str, arguments)]


def browser() -> aiohttp.ClientSession:
    """Return a client with cookies, also of a host that is a number."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


@asynccontextmanager
async def serving(
    loopback: serve.LoopbackServer,
) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """Serve in this process: a browser that knows nothing yet, and the address."""
    async with TestServer(await loopback._make_app(), port=loopback.port), browser() as session:
        yield session, f"http://127.0.0.1:{loopback.port}"


async def opened(session: aiohttp.ClientSession, url: str, token: str) -> None:
    async with session.get(url, params={"token": token}) as page:
        assert page.status == 200


async def shown(tab: aiohttp.ClientWebSocketResponse, words: str) -> None:
    seen = b""
    async with asyncio.timeout(SECONDS):
        # a line comes in pieces, each with its colour or its place
        while words.encode() not in re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", seen):
            seen += (await tab.receive()).data


def command_lines() -> bytes:
    """Return the command lines of all processes, where there is /proc."""
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += path.read_bytes()
    return found


@pytest.fixture
async def start(
    model: Path, port: int
) -> AsyncIterator[Callable[..., tuple["subprocess.Popen[str]", str]]]:
    """Starts a server as people do, and returns it with the address that it prints."""
    started = []

    def start(*arguments: object) -> tuple["subprocess.Popen[str]", str]:
        options = ["--model", model, "--device", "cpu", "--serve", port, *arguments]
        process = subprocess.Popen(
            command(*options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONASYNCIODEBUG": "1"},  # aiohttp's log of requests is on then
        )
        started.append(process)
        assert process.stdout is not None
        opening, url, *rest = process.stdout.readline().split()
        assert (opening, " ".join(rest)) == ("Open", "in a browser. Ctrl+C ends.")
        return process, url

    yield start
    for process in started:
        process.kill()
        process.communicate()


async def test_a_tab_shows_the_app_to_who_has_the_address(
    start: Callable[..., tuple["subprocess.Popen[str]", str]], port: int
) -> None:
    server, address = start()
    url, _, token = address.partition("/?token=")
    assert (url, len(token)) == (f"http://127.0.0.1:{port}", 43)
    async with browser() as session:
        async with session.get(address) as page:
            assert (page.status, str(page.url)) == (200, f"{url}/")
            assert "googleapis" not in page.headers["Content-Security-Policy"]
            text = await page.text()
            assert f"ws://127.0.0.1:{port}/ws" in text
            assert token not in text
        tab = await session.ws_connect(f"{url}/ws?width=80&height=24", headers={"Origin": url})
        await shown(tab, "CPU")
        assert token.encode() not in command_lines()
        server.send_signal(signal.SIGINT)  # while a tab is open
        told, logged = await asyncio.to_thread(server.communicate)
    assert (server.returncode, told) == (0, "")
    assert token not in logged


@pytest.mark.parametrize("path", ["/", "/static/js/textual.js", "/download/x", "/nowhere", "/ws"])
async def test_without_the_token_there_is_nothing_but_a_sentence(port: int, path: str) -> None:
    loopback = serve.LoopbackServer("false", port)
    other = serve.LoopbackServer("false", port).token
    async with serving(loopback) as (session, url):
        for token in (None, "", "很好", "%ff", other, loopback.token[:-1], loopback.token + "a"):
            asked = {"params": {"token": token}} if token is not None else {}
            told = {"headers": {"Cookie": f"{loopback.cookie}={token}"}} if token else {}
            for given in (asked, told):
                async with session.get(url + path, allow_redirects=False, **given) as page:
                    assert page.status == 403
                    assert "the terminal where it was started" in await page.text()
                    assert "Set-Cookie" not in page.headers
    assert loopback._sessions == 0


async def test_a_socket_needs_the_cookie(port: int) -> None:
    async with serving(serve.LoopbackServer("false", port)) as (session, url):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(f"{url}/ws")


async def test_the_token_becomes_a_cookie_of_this_port_and_leaves_the_address(port: int) -> None:
    loopback = serve.LoopbackServer("false", port)
    async with serving(loopback) as (session, url):
        asked = {"token": loopback.token, "fontsize": "20"}
        async with session.get(url, params=asked, allow_redirects=False) as page:
            assert (page.status, page.headers["Location"]) == (302, "/?fontsize=20")
            cookie = page.cookies[f"sentiment-tui-{port}"]
        assert cookie.value == loopback.token
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
        assert not cookie["domain"]
        for path in ("/", "/static/js/textual.js"):
            async with session.get(url + path) as page:
                assert page.status == 200


async def test_localhost_leads_to_the_address_that_has_the_cookie(port: int) -> None:
    loopback = serve.LoopbackServer("false", port)
    async with serving(loopback) as (session, url):
        named = {"headers": {"Host": f"localhost:{port}"}, "params": {"token": loopback.token}}
        async with session.get(url, allow_redirects=False, **named) as page:
            assert (page.status, "Set-Cookie" in page.headers) == (302, False)
            assert page.headers["Location"] == f"{url}/?token={loopback.token}"


@pytest.mark.parametrize("path", ["/", "/ws"])
async def test_who_knows_the_token_is_kept_out_from_elsewhere(port: int, path: str) -> None:
    loopback = serve.LoopbackServer("false", port)
    async with serving(loopback) as (session, url):
        await opened(session, url, loopback.token)
        for headers in ({"Origin": "http://evil.example"}, {"Host": f"evil.example:{port}"}):
            for asked in ({}, {"token": loopback.token}):
                async with session.get(url + path, headers=headers, params=asked) as page:
                    assert page.status == 403


async def test_there_are_so_many_sessions_at_once_and_no_more(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_SESSIONS", 1)
    loopback = serve.LoopbackServer("head -c 1", port)  # a command that ends when told to quit
    async with serving(loopback) as (session, url):
        await opened(session, url, loopback.token)
        tab = await session.ws_connect(f"{url}/ws")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await session.ws_connect(f"{url}/ws")
        await tab.close()
        async with asyncio.timeout(SECONDS):
            while loopback._sessions:  # until the app of that tab has ended
                await asyncio.sleep(0.01)
            await (await session.ws_connect(f"{url}/ws")).close()
            while loopback._sessions:
                await asyncio.sleep(0.01)


async def test_a_tab_is_kept_in_a_folder(
    start: Callable[..., tuple["subprocess.Popen[str]", str]], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name in ("a.csv", "../b.csv"):
        (root / name).write_text("text\n很好\n", encoding="utf-8")
    _, address = start("--root", root, root / "a.csv")
    url, _, _ = address.partition("?")
    async with browser() as session:
        async with session.get(address) as page:
            assert page.status == 200
        tab = await session.ws_connect(f"{url}ws?width=150&height=24")
        await shown(tab, "a.csv: 1 record")
        await tab.send_json(["stdin", "\x0f"])  # Ctrl+O
        await shown(tab, "Open a file")
        await tab.send_json(["stdin", "../b.csv\r"])
        await shown(tab, "../b.csv is outside")
        await tab.close()


def test_what_serving_cannot_go_with_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    invoke = invoker(cli, monkeypatch, capfd)
    inside, outside = tmp_path / "root", tmp_path / "a.csv"
    inside.mkdir()
    outside.write_text("text\n好\n", encoding="utf-8")
    link = inside / "link.csv"
    link.symlink_to(outside)
    for arguments, said in (
        (("--root", inside), "--root goes with --serve"),
        (("--root", inside, "classify", outside), "--root goes with --serve"),
        (("--serve", "--root", inside, "classify", outside), "it goes with no command"),
        (("--serve", "classify", outside), "it goes with no command"),
        (("--serve", "--root", tmp_path / "none"), "does not exist"),
        (("--serve", "--root", outside), "is a file"),
        (("--serve", "--root", inside, outside), "is outside"),
        (("--serve", "--root", inside, link), "is outside"),
        (("--serve", tmp_path), "is a folder"),
    ):
        found = invoke(*arguments)
        assert (found.code, said in found.stderr) == (ExitCode.USAGE, True), found.stderr


@pytest.mark.parametrize(
    ("arguments", "port", "rest"),
    [
        (["--serve"], 8000, []),
        (["--serve", "8001"], 8001, []),
        (["--serve", "a.csv"], 8000, ["a.csv"]),
        (["--serve", "8001", "a.csv"], 8001, ["a.csv"]),
        (["--serve", "--device", "cpu", "a.csv"], 8000, ["a.csv"]),
        (["--device", "cpu", "--serve", "a.csv"], 8000, ["a.csv"]),
    ],
)
def test_a_port_is_told_from_a_file(
    arguments: list[str],
    port: int,
    rest: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    served = []
    monkeypatch.setattr(serve, "serve_app", lambda *given: served.append(given))
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("text\n好\n", encoding="utf-8")
    assert invoker(cli, monkeypatch, capfd)(*arguments).code == ExitCode.OK
    ((given, at),) = served
    assert at == port
    assert given[4:] == (["open", "--", str(tmp_path / "a.csv")] if rest else [])


def test_without_textual_serve_the_command_that_installs_it_is_named(model: Path) -> None:
    missing = "import sys; sys.modules['textual_serve.server'] = None; "
    run = command("--model", model, "--serve", before=missing)
    done = subprocess.run(run, capture_output=True, text=True, env=os.environ)
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "-m pip install 'aiohttp>=3.14.5' 'textual-serve>=1.1'" in done.stderr


def test_a_port_that_is_taken_is_named(model: Path, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        run = command("--model", model, "--serve", port)
        done = subprocess.run(run, capture_output=True, text=True, env=os.environ)
    assert done.returncode == ExitCode.IO
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
