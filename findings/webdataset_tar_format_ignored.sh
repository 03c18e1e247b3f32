#!/usr/bin/env bash
# webdataset 1.0.2: TarWriter writes every file of a sample with a header of PAX in front of it, 1,024
# bytes more a file, although its source says USTAR is the default; the argument `format` changes
# nothing.
#
# Expected: TarWriter(..., format="USTAR_FORMAT"), or no format, gives an archive of USTAR: 1,024 bytes
# for a file of 100. Actual: 2,048. The value is computed, but `tarfile.open` is not given it; the time
# of each file is a float, which only PAX can say.
#
# Workaround: mtime=0, or any other whole number; it makes archives reproducible, too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "webdataset==1.0.2" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os
import tarfile
from importlib.metadata import version

import webdataset

FILES = 1000


def write(name: str, **options: object) -> tuple[int, int]:
    """Returns the bytes of a file in an archive of small ones, and how many have PAX headers."""
    with webdataset.TarWriter(name, encoder=False, **options) as writer:
        for number in range(FILES):
            writer.write({"__key__": f"{number:06d}", "txt": b"x" * 100})
    with tarfile.open(name) as archive:
        pax = sum(bool(member.pax_headers) for member in archive)
    return os.path.getsize(name) // FILES, pax


print("webdataset", version("webdataset"))
plain = write("plain.tar")
asked = write("asked.tar", format="USTAR_FORMAT")
whole = write("whole.tar", mtime=0)
for text, (size, pax) in (("default", plain), ("format USTAR", asked), ("mtime=0", whole)):
    print(f"{text}: {size} bytes a file, {pax} of {FILES} with a PAX header")
assert plain[1] == asked[1] == FILES
assert whole[1] == 0
assert asked[0] >= 2048 > 1100 > whole[0]
PYTHON
