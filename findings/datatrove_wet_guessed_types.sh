#!/usr/bin/env bash
# datatrove 0.10.1: WarcReader drops texts of WET that look like program code, mail or TeX.
#
# Expected: the text of every `conversion` record of a WET file is a document. The record says what
# it is: `Content-Type: text/plain`.
# Actual: Common Crawl's WET has no `WARC-Identified-Payload-Type` on these records. WarcReader then
# asks libmagic what the text looks like, keeps what that calls text/plain, drops the rest without
# a count or a message: a page on C (text/x-c), on Python (text/x-script.python), a mail
# (message/rfc822), a page in TeX. The guess also takes most of the time of reading.
#
# Workaround: convert such files with another reader, or write that header into the records.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "datatrove[io]==0.10.1" "warcio==1.8.1" \
    "faust-cchardet==3.2.0" "python-magic==0.4.27"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata

from datatrove.pipeline.readers import WarcReader
from loguru import logger

logger.remove()
texts = {
    "prose": "The mill stood by the river.\nNobody had worked there for years.\n",
    "C": "#include <stdio.h>\nint main(void) { return 0; }\nThis is how a program begins.\n",
    "Python": "import os\nimport sys\n\ndef main():\n    pass\n\nThis is how a script begins.\n",
    "mail": "From: ada@example.com\nSubject: The mill\n\nIt still stands by the river.\n",
    "TeX": "\\documentclass{article}\nThis is how a paper begins.\n",
}


def write(path, header=""):
    with open(path, "wb") as file:
        for number, text in enumerate(texts.values()):
            body = text.encode()
            file.write(
                f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://example.com/{number}\r\n"
                f"WARC-Date: 2024-01-01T00:00:00Z\r\n{header}"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
                f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
                + b"\r\n\r\n"
            )


def kept(path):
    found = {document.text for document in WarcReader(".", glob_pattern=path, compression=None).run()}
    return [name for name, text in texts.items() if text in found]


print("datatrove", importlib.metadata.version("datatrove"))
write("a.warc.wet")
write("b.warc.wet", "WARC-Identified-Payload-Type: text/plain\r\n")
print("as Common Crawl writes them:", kept("a.warc.wet"))
print("with WARC-Identified-Payload-Type:", kept("b.warc.wet"))
assert kept("a.warc.wet") == ["prose"]
assert kept("b.warc.wet") == list(texts)
PYTHON
