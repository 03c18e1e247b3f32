"""A hub of Hugging Face on this machine, as far as the download of a few files needs it."""

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FORBIDDEN = "owner/forbidden"
"""A repository that nobody may read."""


@contextlib.contextmanager
def hub_of(repositories: Mapping[str, Mapping[str, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """Serves the files of repositories; yields the address, and the paths that are asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            return

        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(f"{self.command} {path}")
            if (found := _found(path, repositories)) is not None:
                self._send(found)
                return
            if f"/{FORBIDDEN}/" in path:
                self.send_response(403)
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _found(path: str, repositories: Mapping[str, Mapping[str, bytes]]) -> bytes | None:
    """The list of the files of a repository, or one of them; None if there is none."""
    for name, files in repositories.items():
        if path.startswith(f"/api/models/{name}/revision/"):
            siblings = [{"rfilename": each} for each in files]
            return json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode()
        if path.startswith(f"/api/models/{name}/tree/"):
            entries = [
                {"type": "file", "path": each, "size": len(files[each]), "oid": "0" * 40}
                for each in files
            ]
            return json.dumps(entries).encode()
        start = f"/{name}/resolve/{COMMIT}/"
        if path.startswith(start):
            return files.get(path.removeprefix(start))
    return None
