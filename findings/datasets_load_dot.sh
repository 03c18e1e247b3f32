#!/usr/bin/env bash
# datasets 5.2.0: load_dataset(".") fails in a folder of Parquet files; the same folder by its name, or
# by its absolute path, is loaded.
#
# Expected: "." is a path to a folder as any other. Actual: ValueError "dataset_name should be
# specified but got None": the name of the data is the last part of the path, and "." leaves none.
#
# Workaround: load_dataset(os.getcwd()).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "datasets==5.2.0" "pyarrow==25.0.1"
cd "$folder"
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import os

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

def rows(path: str) -> str:
    try:
        return str(datasets.load_dataset(path, split="train", cache_dir=f"{base}/cache").num_rows)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


print("datasets", datasets.__version__)
base = os.getcwd()
os.makedirs("data/train")
pq.write_table(pa.table({"number": [1, 2, 3]}), "data/train/0.parquet")
named = rows("data")
os.chdir("data")
absolute, dot = rows(os.getcwd()), rows(".")
print("rows, by name:", named)
print("rows, by the absolute path:", absolute)
print("rows, as '.':", dot)
assert (named, absolute) == ("3", "3")
assert dot == "ValueError: dataset_name should be specified but got None"
PYTHON
