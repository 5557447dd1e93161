"""The app in a browser of this machine: `sentiment-tui --serve`, through textual-serve.

Each tab is a process of its own, which can read and write what its user can, and there is no
password. So the server listens on loopback only, and a page of another origin gets nothing of it:
neither a WebSocket nor, by a name that leads to 127.0.0.1, a page.
"""

import logging
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.locations import Device

HOST = "127.0.0.1"
_SESSIONS = 4  # each has a model of its own in memory, and shares the cores

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LoopbackServer(Server):
    """Serves the app to so many tabs at once.

    Args:
        command: starts the app.
        port: to listen on.
    """

    def __init__(self, command: str, port: int) -> None:
        super().__init__(command, HOST, port, title="sentiment-tui")
        self._sessions = 0

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guarded)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer pages of this server only, and let them load nothing from elsewhere."""
        ours = {f"{HOST}:{self.port}", f"localhost:{self.port}"}
        origins = {f"http://{host}" for host in ours}
        if request.host not in ours or request.headers.get("Origin", min(origins)) not in origins:
            raise web.HTTPForbidden(text=tr("Open {url} in a browser.", url=self.public_url))
        response = await handler(request)
        if not response.prepared:
            sockets = " ".join(f"ws://{host}" for host in sorted(ours))
            response.headers["Content-Security-Policy"] = (
                f"default-src 'self' 'unsafe-inline' data: blob: http://{HOST}:{self.port}; "
                f"connect-src 'self' {sockets}; frame-ancestors 'none'"
            )
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

    def initialize_logging(self) -> None:
        """Leave out the line that each request would have."""
        logging.basicConfig(level=logging.WARNING)

    async def on_startup(self, app: web.Application) -> None:  # noqa: ARG002
        """Say where it is."""
        self.console.print(
            tr("Open {url} in a browser. Ctrl+C ends.", url=self.public_url), highlight=False
        )


def serve_app(model: Path, device: Device, port: int) -> None:
    """Serve the app until Ctrl+C.

    Args:
        model: the `.onnx` file to open.
        device: where to run it.
        port: of 127.0.0.1.

    Raises:
        UserError: IO, the port is taken or not allowed.
    """
    code = "from tui.cli import main; main()"
    options = ["--model", str(model), "--device", device]
    try:
        LoopbackServer(shlex.join([sys.executable, "-c", code, *options]), port).serve()
    except OSError as error:
        raise UserError(
            ExitCode.IO,
            "cannot listen on {host}:{port}: {reason}",
            host=HOST,
            port=port,
            reason=error,
        ) from error
