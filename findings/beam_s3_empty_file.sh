#!/usr/bin/env bash
# apache-beam 2.77.0: FileSystems.create of an s3:// path that is closed without a byte raises.
#
# A file without a byte is a valid object, and local disks and gs:// write one: a program that puts
# an empty marker, or a part without records, works there. On S3 Beam writes every file as a
# multipart upload and completes it with no part, which S3 and servers like it refuse.
# One would guess that an empty object is written, as everywhere else.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install 'apache-beam==2.77.0' 'boto3==1.44.8' 'moto[server]==5.2.5'

"$folder/venv/bin/moto_server" -H 127.0.0.1 -p 5997 >"$folder/server.log" 2>&1 &
server=$!
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
"$folder/venv/bin/python" - <<'PYTHON'
import time
import urllib.request

import boto3
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

url = "http://127.0.0.1:5997"
for _ in range(100):
    try:
        urllib.request.urlopen(url, timeout=1)
        break
    except OSError:
        time.sleep(0.2)
store = boto3.client("s3", endpoint_url=url)
store.create_bucket(Bucket="bucket")
FileSystems.set_options(PipelineOptions(["--s3_endpoint_url", url]))

with FileSystems.create("s3://bucket/full.txt") as file:
    file.write(b"one byte or more")
try:
    with FileSystems.create("s3://bucket/empty.txt"):
        pass
    said = "nothing"
except Exception as error:
    said = f"{type(error).__name__}: {error}"
names = [each["Key"] for each in store.list_objects_v2(Bucket="bucket")["Contents"]]
print("objects:", names)
print("closing a file without a byte raised", said)
assert names == ["full.txt"], names
assert "MalformedXML" in said or "XML" in said, said
PYTHON
