import gc
import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pipelines.cli import main

ROOT = Path(__file__).resolve().parents[2]

Digests = Callable[[Path], dict[str, str]]
Build = Callable[..., int]


@pytest.fixture(scope="session")
def documents(sample: Path) -> list[str]:
    """The 80 documents of the bundled sample, of several lines each."""
    text = "\n\n".join(path.read_text("utf-8") for path in sorted(sample.glob("*.txt")))
    return [document for part in text.split("\n\n") if (document := part.strip("\n"))]


@pytest.fixture(scope="session")
def build(sample: Path, tokenizer: Path) -> Build:
    """Runs `shardmill build` here, by default on the bundled sample; returns the exit status."""

    def run(output: Path | str, *options: str, recipe: str = "bert-wwm") -> int:
        return main(["build", *build_arguments(sample, tokenizer, output, recipe, options)])

    return run


@pytest.fixture(scope="session")
def start_build(sample: Path, tokenizer: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts `shardmill build` in a process, with a process group, of its own."""

    def start(
        output: Path | str,
        *options: str,
        recipe: str = "bert-wwm",
        environment: dict[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        arguments = build_arguments(sample, tokenizer, output, recipe, options)
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", "build", *arguments],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def build_arguments(
    sample: Path, tokenizer: Path, output: Path | str, recipe: str, options: tuple[str, ...]
) -> list[str]:
    text = () if "--input" in options else ("--input", f"{sample}/*.txt")
    vocabulary = () if "--tokenizer" in options else ("--tokenizer", str(tokenizer))
    shards = () if "--shards" in options else ("--shards", "4")
    held_out = () if "--eval-fraction" in options else ("--eval-fraction", "0.1")
    return [recipe, *text, *vocabulary, "--output", str(output), *shards, *held_out, *options]


@pytest.fixture(scope="session")
def digests() -> Digests:
    """Returns the sha256 of every shard in a folder, by name."""

    def find(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.glob("*/*.arrow"))
        }

    return find


class _TokenServer(BaseHTTPRequestHandler):
    """Gives a token to everybody, as Google's does to service accounts."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        token = {"access_token": "none", "expires_in": 3600, "token_type": "Bearer"}
        self.wfile.write(json.dumps(token).encode())

    def log_message(self, *_: object) -> None:
        pass


def service_account(folder: Path, token_uri: str) -> Path:
    """Writes the key of a service account; without one Beam looks for credentials for long."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
    account = {
        "type": "service_account",
        "project_id": "test",
        "client_email": "test@test.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": pem,
        "token_uri": token_uri,
    }
    path = folder / "account.json"
    path.write_text(json.dumps(account), "utf-8")
    return path


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Starts an emulator of Google Cloud Storage in this process; Google's client library uses it.

    Its buckets are in memory, and nothing leaves this machine.
    """
    pytest.importorskip("google.cloud.storage")
    server = pytest.importorskip("gcp_storage_emulator.server")
    tokens = HTTPServer(("127.0.0.1", 0), _TokenServer)
    threading.Thread(target=tokens.serve_forever, daemon=True).start()
    token_uri = f"http://127.0.0.1:{tokens.server_port}"
    account = service_account(tmp_path_factory.mktemp("account"), token_uri)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    storage = server.create_server("127.0.0.1", port, in_memory=True)
    storage.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        patch.setenv("GOOGLE_CLOUD_PROJECT", "test")
        yield f"http://127.0.0.1:{port}"
        # A file that could not be written is tried again when it is collected.
        gc.collect()
    storage.stop()
    tokens.shutdown()


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """Starts a server of S3's protocol in this process, which boto3 uses; yields a client of it.

    Its buckets are in memory, and nothing leaves this machine.
    """
    boto3 = pytest.importorskip("boto3")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield boto3.client("s3")
        # A file that could not be written is tried again when it is collected.
        gc.collect()
    server.stop()


@pytest.fixture
def s3_bucket(s3: Any, sample: Path) -> str:
    """The name of a bucket that is empty but for the sample, in corpus/."""
    name = f"bucket-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    for path in sorted(sample.glob("*.txt")):
        s3.upload_file(str(path), name, f"corpus/{path.name}")
    return name
