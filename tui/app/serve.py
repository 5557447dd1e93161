"""The app in a browser of this machine: `sentiment-tui --serve`, through textual-serve.

Each tab is a process of its own, which can read and write what its user can, and every user of the
machine can reach a port of 127.0.0.1. So a request needs the token of this server, which stands in
the address that is printed: the first request exchanges it for a cookie. The token is never in a
command line or a log. A page of another origin gets nothing, nor does a name that leads here.
"""

import hmac
import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence

import click
from aiohttp import web
from textual_serve.server import Server

from models.console import ExitCode, UserError, tr

HOST = "127.0.0.1"
_SESSIONS = 4  # each has a model of its own in memory, and shares the cores
_PATIENCE = 1.0  # seconds for open tabs to end by themselves after Ctrl+C

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LoopbackServer(Server):
    """Serves the app to so many tabs at once.

    Args:
        command: starts the app.
        port: to listen on.

    Attributes:
        token: what a browser must know, new with each server.
        cookie: the name under which it keeps that; all ports of a host share their cookies.
    """

    def __init__(self, command: str, port: int) -> None:
        super().__init__(command, HOST, port, title="sentiment-tui")
        self.token = secrets.token_urlsafe()
        self.cookie = f"sentiment-tui-{port}"
        self._sessions = 0

    def serve(self, debug: bool = False) -> None:  # noqa: ARG002
        """Serve until Ctrl+C, without a log of requests: the first has the token."""
        app = self._make_app()
        web.run_app(
            app,
            host=HOST,
            port=self.port,
            access_log=None,
            print=self._say_address,
            shutdown_timeout=_PATIENCE,
        )

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guarded)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer pages of this server that know the token; they load nothing from elsewhere."""
        if request.host == f"localhost:{self.port}":  # which would have cookies of its own
            raise web.HTTPFound(self.public_url + request.path_qs)
        host = f"{HOST}:{self.port}"
        origin = request.headers.get("Origin", self.public_url)
        ours = request.host == host and origin == self.public_url
        if ours and self._is_token(request.query.get("token")):
            raise self._exchange(request)
        if not ours or not self._is_token(request.cookies.get(self.cookie)):
            sentence = tr(
                "Open the address that sentiment-tui --serve printed in the terminal where it was "
                "started: copy it whole, with its token."
            )
            raise web.HTTPForbidden(text=sentence)
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = (
                "default-src 'self' 'unsafe-inline' data: blob:; "
                f"connect-src 'self' ws://{host}; frame-ancestors 'none'"
            )
        return response

    def _is_token(self, found: str | None) -> bool:
        """Compare in a time that tells nothing of the token."""
        known = (found or "").encode("utf-8", "backslashreplace")
        return hmac.compare_digest(known, self.token.encode())

    def _exchange(self, request: web.Request) -> web.HTTPFound:
        """Return the way to the same page without the token, which goes into the cookie."""
        query = {name: value for name, value in request.query.items() if name != "token"}
        response = web.HTTPFound(request.rel_url.with_query(query))
        response.set_cookie(self.cookie, self.token, path="/", httponly=True, samesite="Strict")
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Start the app for a tab, unless there are enough."""
        if self._sessions >= _SESSIONS:
            text = tr("{count} sessions are open: close one first.", count=self._sessions)
            raise web.HTTPServiceUnavailable(text=text)
        self._sessions += 1
        try:
            return await super().handle_websocket(request)
        finally:
            self._sessions -= 1

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: it is not known yet whether the port is free."""

    def _say_address(self, _: str) -> None:
        """Print the one address that opens the app."""
        url = f"{self.public_url}/?token={self.token}"
        click.echo(tr("Open {url} in a browser. Ctrl+C ends.", url=url))


def serve_app(arguments: Sequence[str], port: int) -> None:
    """Serve the app until Ctrl+C.

    Args:
        arguments: of `sentiment-tui` for each tab.
        port: of 127.0.0.1.

    Raises:
        UserError: IO, the port is taken or not allowed.
    """
    # -P: no module comes from the working folder, in which tabs may write
    start = [sys.executable, "-P", "-c", "from tui.cli import main; main()"]
    try:
        LoopbackServer(shlex.join([*start, *arguments]), port).serve()
    except OSError as error:
        raise UserError(
            ExitCode.IO,
            "cannot listen on {host}:{port}: {reason}",
            host=HOST,
            port=port,
            reason=error,
        ) from error
