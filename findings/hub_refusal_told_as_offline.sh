#!/usr/bin/env bash
# huggingface_hub 2.4.0: where the hub answers a download with 403 (this token may not read it),
# hf_hub_download raises LocalEntryNotFoundError, and its text advises to check the connection.
#
# Expected: HfHubHTTPError with the status, as HfApi.list_repo_files raises for the same answer. Actual:
# the refusal is only the cause (__cause__) of an error that says that the file is not in the cache.
#
# Workaround: look at __cause__ before the network is blamed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "huggingface_hub==2.4.0"
cd "$folder"
HF_HOME="$folder" HF_TOKEN=hf_none NO_PROXY=127.0.0.1 "$folder/venv/bin/python" - <<'PYTHON'
import http.server
import threading

import huggingface_hub
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.server_port}"
print("huggingface_hub", huggingface_hub.__version__)

try:
    HfApi(endpoint=endpoint).list_repo_files("owner/rows", repo_type="dataset")
except HfHubHTTPError as error:
    print("list_repo_files:", type(error).__name__, error.response.status_code)
    listed = error.response.status_code

try:
    hf_hub_download("owner/rows", "export.json", repo_type="dataset", endpoint=endpoint)
except LocalEntryNotFoundError as error:
    text, cause = " ".join(str(error).split()), error.__cause__
    print("hf_hub_download:", type(error).__name__, "|", text)
    print("its cause:", type(cause).__name__, cause.response.status_code)

assert listed == 403
assert "check your connection" in text and "403" not in text
assert isinstance(cause, HfHubHTTPError) and cause.response.status_code == 403
PYTHON
