#!/usr/bin/env bash
# apache-beam 2.77.0: FileSystems.delete and FileSystems.match treat a local name with brackets as a
# glob pattern, even if a file with exactly that name exists. FileSystems.exists and open treat it
# literally.
#
# Expected: delete(["d/part[1]"]) removes d/part[1], the file that exists() finds and open() reads, or
# raises. The documentation of delete says "paths: list of paths that give the file objects to be
# deleted". Actual: d/part1, a file that was not named, is deleted, and d/part[1] remains.
#
# Workaround: list the folder and compare names instead of deleting by name, or escape [ as [[].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "apache-beam==2.77.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

Path("d").mkdir()
for name in ("part1", "part[1]"):
    Path("d", name).write_text(name)
[found] = FileSystems.match(["d/part[1]"])
with FileSystems.open("d/part[1]") as file:
    content = file.read().decode()
exists = FileSystems.exists("d/part[1]")
FileSystems.delete(["d/part[1]"])
left = sorted(path.name for path in Path("d").iterdir())
print("apache-beam", importlib.metadata.version("apache-beam"))
print("exists('d/part[1]'):", exists)
print("open('d/part[1]') reads:", content)
print("match(['d/part[1]']) finds:", [file.path for file in found.metadata_list])
print("after delete(['d/part[1]']) there is left:", left)
assert exists
assert content == "part[1]"
assert [file.path for file in found.metadata_list] == ["d/part1"]
assert left == ["part[1]"]
PYTHON
