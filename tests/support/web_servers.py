"""A web server and a hub of this machine, for tests of files that are read over the web."""

import contextlib
import http.server
import json
import re
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class WebServer(http.server.ThreadingHTTPServer):
    """Serves files, as well as it is told to.

    Attributes:
      files: Content by path, such as "/a.txt".
      ranges: Whether it gives out parts of files.
      lengths: Whether it says how long files are.
      cuts: After how many bytes an answer ends too early, one for each answer to come.
      asked: The paths that were asked for, with the method.
      tag: Of all files.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: MutableMapping[str, bytes] = {}
        self.ranges = self.lengths = True
        self.cuts: list[int] = []
        self.asked: list[str] = []
        self.tag = '"1"'

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of connections that a reader closed."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebServer

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(f"POST {self.path}")
        self._json(_paths_info(self.server.files, self.path, content))

    def _answer(self, *, body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        address = urlsplit(self.path)
        if address.path.startswith("/api/"):
            self._json(_hub(self.server.files, unquote(address.path), address.query))
            return
        content = self.server.files.get(unquote(address.path))
        if content is None:
            self._send(404, {"Content-Length": "0"}, b"")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers = {"ETag": self.server.tag, "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}
        status = 200
        if asked and self.server.ranges:
            end = int(asked[2]) + 1 if asked[2] else len(content)
            status, whole, content = 206, len(content), content[int(asked[1]) : end]
            headers["Content-Range"] = f"bytes {asked[1]}-{end - 1}/{whole}"
        if self.server.lengths:
            headers["Content-Length"] = str(len(content))
        else:
            headers["Connection"] = "close"
        if body and self.server.cuts:
            content = content[: self.server.cuts.pop(0)]
            self.close_connection = True
        self._send(status, headers, content if body else b"")

    def _json(self, value: Any) -> None:
        content = json.dumps({"error": "Not found"} if value is None else value).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        if value is None:
            headers["X-Error-Code"] = "EntryNotFound" if "/tree/" in self.path else "RepoNotFound"
        self._send(404 if value is None else 200, headers, content)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _entries(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Returns what the hub says of the files of the one repository."""
    prefix = f"/datasets/team/corpus/resolve/{COMMIT}/"
    found = [
        {"type": "file", "path": path.removeprefix(prefix), "size": len(content), "oid": "0" * 40}
        for path, content in files.items()
        if path.startswith(prefix)
    ]
    folders = dict.fromkeys(str(above) for each in found for above in _folders_above(each["path"]))
    return [*found, *({"type": "directory", "path": f, "oid": "0" * 40} for f in folders)]


def _folders_above(path: str) -> list[PurePosixPath]:
    return list(PurePosixPath(path).parents)[:-1]


def _hub(files: Mapping[str, bytes], path: str, query: str) -> Any:
    repository = "/api/datasets/team/corpus"
    if path in (repository, f"{repository}/revision/main", f"{repository}/revision/{COMMIT}"):
        return {"id": "team/corpus", "sha": COMMIT, "private": False, "siblings": []}
    tree = re.fullmatch(rf"{repository}/tree/(main|{COMMIT})(/.*)?", path)
    if tree is None:
        return None
    folder = (tree[2] or "").strip("/")
    inside = [
        each for each in _entries(files) if each["path"].startswith(f"{folder}/" if folder else "")
    ]
    if not inside or "recursive=true" in query.lower():
        return inside or None
    depth = len(folder.split("/")) if folder else 0
    return [each for each in inside if each["path"].count("/") == depth]


def _paths_info(files: Mapping[str, bytes], path: str, content: bytes) -> Any:
    if path != f"/api/datasets/team/corpus/paths-info/{COMMIT}":
        return None
    asked = json.loads(content)["paths"]
    return [each for each in _entries(files) if each["path"] in asked]


@contextlib.contextmanager
def web_server() -> Iterator[WebServer]:
    """Runs a server."""
    server = WebServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def put_on_hub(server: WebServer, files: Mapping[str, bytes]) -> None:
    """Puts files into the dataset team/corpus."""
    for path, content in files.items():
        server.files[f"/datasets/team/corpus/resolve/{COMMIT}/{path}"] = content
