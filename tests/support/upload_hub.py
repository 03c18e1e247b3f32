"""A hub of Hugging Face for tests: an HTTP server that has one dataset repository."""

import base64
import contextlib
import dataclasses
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

TOKEN = "hf_stub"


@dataclasses.dataclass
class Hub:
    """What the server has.

    Attributes:
      files: Of the repository, by path.
      created: Bodies of the requests to make it.
      commits: Messages of its commits.
      status: That every request is answered with, if it is not 0.
      refused: The status that requests are answered with whose path has a part.
    """

    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    created: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    commits: list[str] = dataclasses.field(default_factory=list)
    status: int = 0
    refused: dict[str, int] = dataclasses.field(default_factory=dict)

    def commit(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            key, value = line["key"], line["value"]
            if key == "header":
                self.commits.append(value["summary"])
            elif key == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif key == "deletedFile":
                del self.files[value["path"]]
            else:
                raise AssertionError(f"not expected: {line}")


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._refused():
            return
        path = urlsplit(self.path).path
        if path == "/api/repos/create":
            wanted = json.loads(body)
            self.hub.created.append(wanted)
            name = "/".join(filter(None, [wanted.get("organization", "me"), wanted["name"]]))
            url = f"http://{self.headers['Host']}/datasets/{name}"
            self._answer({"url": url, "name": name})
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif path.endswith("/preupload/main"):
            files = [each["path"] for each in json.loads(body)["files"]]
            modes = [
                {"path": each, "uploadMode": "regular", "shouldIgnore": False} for each in files
            ]
            self._answer({"files": modes})
        elif path.endswith("/commit/main"):
            self.hub.commit([json.loads(line) for line in body.splitlines()])
            name = path.removeprefix("/api/").removesuffix("/commit/main")
            url = f"http://{self.headers['Host']}/{name}/commit/{'0' * 40}"
            self._answer({"commitUrl": url, "commitOid": "0" * 40, "success": True})
        else:
            self._answer({"error": f"no such page: {path}"}, 404)

    def do_GET(self) -> None:
        if self._refused():
            return
        path = unquote(urlsplit(self.path).path)
        if "/tree/main" in path:
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in self.hub.files.items()
            ]
            self._answer(listed)
        elif "/resolve/main/" in path:
            self._content(self.hub.files[path.partition("/resolve/main/")[2]])
        else:
            self._answer({"error": f"no such page: {path}"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _refused(self) -> bool:
        known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        own = [status for part, status in self.hub.refused.items() if part in self.path]
        status = self.hub.status or (0 if known else 401) or sum(own)
        if status:
            self._answer({"error": "refused"}, status)
        return bool(status)

    def _answer(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    def _content(self, content: bytes) -> None:
        tag = hashlib.sha256(content).hexdigest()
        self._send(content, 200, {"ETag": f'"{tag}"', "X-Repo-Commit": "0" * 40})

    def _send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextlib.contextmanager
def stub_hub(patch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Yields a hub that the programs of this process take for the real one, with its token."""
    import huggingface_hub.constants

    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    files = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    patch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    patch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    patch.setenv("HF_TOKEN", TOKEN)
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
