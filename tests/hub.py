"""A Hugging Face hub on 127.0.0.1, made of one folder: for tests of what loads from the hub.

    hub = Hub(folder)
    with hub.serve():
        subprocess.run(command, env=hub.environment(tmp_path / "cache"))
    assert "models/ORG/NAME/config.json" in hub.sent

The folder holds `models/ORG/NAME/…` and `datasets/ORG/NAME/…`. Answered is what huggingface_hub
0.36, transformers 4.57 and datasets 5.0 ask for when they load, and nothing else:

    HEAD, GET  /[datasets/]ORG/NAME/resolve/REVISION/PATH      a file, with its ETag and its commit
    GET        /api/KIND/ORG/NAME[/revision/REVISION]          the commit of a repository
    GET        /api/KIND/ORG/NAME/tree/REVISION[/PATH]         what a folder of it holds

A repository has one commit, and every revision is that one. What is not there gets the hub's own
answers: 404 EntryNotFound, and 401 RepoNotFound, since the hub does not tell a stranger whether a
repository is missing or private.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

# Whatever these say on the machine of the tests, a child is to ask this hub, and ask it directly.
_SETTINGS = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "DATASETS_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class Hub(ThreadingHTTPServer):
    """The server, and what came of it.

    Attributes:
        folder: what it serves.
        endpoint: its address.
        sent: the files that were sent whole, as paths in the folder.
        strange: the requests that it does not know; a new release of a library may bring some.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.server_bind()
        self.folder = folder
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self.sent: set[str] = set()
        self.strange: list[str] = []

    def environment(self, home: Path) -> dict[str, str]:
        """Return this process's environment for a child that has this hub, and its cache in `home`.

        Nobody listens there before `serve`, nor after it: a hub that cannot be reached.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_SETTINGS) and name.lower() not in _PROXIES
        }
        return kept | {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home)}

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Listen while the block runs."""
        self.server_activate()
        thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        deep = parse_qs(url.query).get("recursive") == ["True"]
        match unquote(url.path).strip("/").split("/"):
            case ["api", kind, org, name] | ["api", kind, org, name, "revision", _]:
                if repository := self._find(kind, org, name):
                    self._send_json({"id": f"{org}/{name}", "sha": _commit(repository)})
            case ["api", kind, org, name, "tree", _, *path]:
                if repository := self._find(kind, org, name):
                    self._send_tree(repository, "/".join(path), deep)
            case ["datasets", org, name, "resolve", _, *path]:
                if repository := self._find("datasets", org, name):
                    self._send_file(repository, "/".join(path))
            case [org, name, "resolve", _, *path]:
                if repository := self._find("models", org, name):
                    self._send_file(repository, "/".join(path))
            case _:
                self.server.strange.append(f"{self.command} {self.path}")
                self._send(HTTPStatus.NOT_IMPLEMENTED)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.close_connection = True  # its body stays unread
        self.server.strange.append(f"{self.command} {self.path}")
        self._send(HTTPStatus.NOT_IMPLEMENTED)

    def _find(self, kind: str, org: str, name: str) -> Path | None:
        repository = self.server.folder / kind / org / name
        if repository.is_dir():
            return repository
        self._send(HTTPStatus.UNAUTHORIZED, {"X-Error-Code": "RepoNotFound"})
        return None

    def _send_file(self, repository: Path, path: str) -> None:
        commit = {"X-Repo-Commit": _commit(repository)}
        file = repository / path
        if not file.is_file():
            self._send(HTTPStatus.NOT_FOUND, commit | {"X-Error-Code": "EntryNotFound"})
            return
        content = file.read_bytes()
        self._send(HTTPStatus.OK, commit | {"ETag": f'"{_blob_id(content)}"'}, content)
        if self.command == "GET":
            self.server.sent.add(file.relative_to(self.server.folder).as_posix())

    def _send_tree(self, repository: Path, path: str, deep: bool) -> None:
        folder = repository / path
        if not folder.is_dir():
            self._send(HTTPStatus.NOT_FOUND, {"X-Error-Code": "EntryNotFound"})
            return
        found = sorted(folder.rglob("*") if deep else folder.iterdir())
        self._send_json([_entry(repository, path) for path in found])

    def _send_json(self, document: Any) -> None:
        content = json.dumps(document).encode()
        self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, content)

    def _send(
        self, status: HTTPStatus, headers: dict[str, str] | None = None, content: bytes = b""
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass  # its lines would stand between those of the tests


def _entry(repository: Path, path: Path) -> dict[str, Any]:
    name = path.relative_to(repository).as_posix()
    if path.is_dir():
        return {"type": "directory", "path": name, "oid": _sha1(name.encode()), "size": 0}
    content = path.read_bytes()
    return {"type": "file", "path": name, "oid": _blob_id(content), "size": len(content)}


def _commit(repository: Path) -> str:
    files = [path for path in sorted(repository.rglob("*")) if path.is_file()]
    return _sha1(b"".join(bytes(path) + path.read_bytes() for path in files))


def _blob_id(content: bytes) -> str:
    """Return the id that git gives to a file, which is what the hub takes for its ETag."""
    return _sha1(b"blob %d\0%b" % (len(content), content))


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
