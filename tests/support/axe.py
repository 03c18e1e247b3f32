"""Runs axe-core on pages in headless Chromium, where both are installed.

`npm install axe-core` beside the project, or anywhere with AXE_CORE naming its axe.min.js.
"""

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).resolve().parents[2]
_SECONDS = 240
_DRIVER = """<!doctype html><title>driver</title><body><script>
async function judge(name, width, axe) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width:${width}px;height:900px;border:0`;
  frame.src = `/pages/${name}`;
  document.body.append(frame);
  await new Promise((resolve) => { frame.onload = resolve; });
  const page = frame.contentDocument;
  for (const details of page.querySelectorAll("details")) details.open = true;
  // Rows are alike, and their colours take long to judge.
  for (const row of [...page.querySelectorAll("article.row")].slice(4)) row.remove();
  frame.contentWindow.eval(axe);
  const found = await frame.contentWindow.axe.run(page, {resultTypes: ["violations"]});
  const faults = found.violations.map((each) => `${each.id}: ${each.nodes[0].html.slice(0, 200)}`);
  const root = page.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`scrolls sideways: ${root.scrollWidth}`);
  frame.remove();
  return faults;
}
(async () => {
  const found = {};
  try {
    const axe = await (await fetch("/axe.js")).text();
    for (const name of NAMES) found[name] = await judge(name, WIDTH, axe);
  } catch (error) { found.error = [String(error)]; }
  await fetch("/found", {method: "POST", body: JSON.stringify(found)});
})();
</script>"""


def axe_file() -> Path | None:
    """Returns where axe-core is; None if it is not installed."""
    named = os.environ.get("AXE_CORE")
    path = Path(named) if named else _PROJECT / "node_modules" / "axe-core" / "axe.min.js"
    return path if path.is_file() else None


def chromium() -> str | None:
    """Returns where a Chromium is; None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def violations(
    pages: Mapping[str, str], axe: Path, browser: str, *, width: int, dark: bool
) -> dict[str, list[str]]:
    """Returns what axe-core finds on pages, by name; all details are open.

    Args:
      pages: By name, without signs that a URL does not have.
      axe: The file of `axe_file`.
      browser: The program of `chromium`.
      width: Of the frame that they are shown in, in pixels.
      dark: Whether the reader prefers dark pages.
    """
    driver = _DRIVER.replace("NAMES", json.dumps([*pages])).replace("WIDTH", str(width))
    files = {"/": driver, "/axe.js": axe.read_text("utf-8")}
    files |= {f"/pages/{name}": page for name, page in pages.items()}
    found: dict[str, list[str]] = {}
    finished = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path)
            self.send_response(200 if content is not None else 404)
            kind = "text/javascript" if self.path.endswith(".js") else "text/html"
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.end_headers()
            self.wfile.write((content or "").encode())

        def do_POST(self) -> None:
            found.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            finished.set()

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with _opened(browser, f"http://127.0.0.1:{server.server_port}/", dark=dark):
                assert finished.wait(_SECONDS), "the browser did not answer"
        finally:
            server.shutdown()
    return found


@contextlib.contextmanager
def _opened(browser: str, url: str, *, dark: bool) -> Iterator[None]:
    """Opens a page in a browser while the one who asks works, and closes the browser then."""
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        options += ["--no-first-run", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
        options += ["--remote-debugging-port=0"]
        process = subprocess.Popen(
            [browser, *options, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)
