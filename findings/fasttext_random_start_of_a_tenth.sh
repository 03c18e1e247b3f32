#!/usr/bin/env bash
# fasttext 0.9.3: the random start of the vectors depends on the number of threads. Each thread fills
# a tenth of the matrix, whatever their number: with four threads six tenths stay what they were,
# with one nine tenths, and with ten or more it is filled.
#
# Expected: every input vector starts at random, uniform within 1/dim, for any number of threads.
# Actual: with a learning rate of 0, so that nothing is learned, most vectors of words and n-grams
# are zeros.
#
# Workaround: train with ten threads or more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "setuptools==80.9.0" "wheel==0.45.1" "pybind11==2.13.6" "numpy==1.26.4"
"$folder/venv/bin/pip" install --quiet --no-build-isolation "fasttext==0.9.3"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata

import fasttext
import numpy as np

words = [f"word{number}" for number in range(500)]
with open("text.txt", "w", encoding="utf-8") as file:
    for begin in range(0, 500, 10):
        file.write(" ".join(words[begin : begin + 10]) + "\n")
print("fasttext", importlib.metadata.version("fasttext"), "numpy", np.__version__)
shares = {}
for threads in (1, 4, 10, 12):
    model = fasttext.train_unsupervised(
        "text.txt", minCount=1, dim=10, bucket=9500, epoch=1, lr=0.0, thread=threads, verbose=0
    )
    matrix = model.get_input_matrix()
    shares[threads] = float((matrix != 0).any(axis=1).mean())
    print(f"{threads} threads: {shares[threads]:.1%} of {len(matrix)} vectors are not zero")
assert abs(shares[1] - 0.1) < 0.01
assert abs(shares[4] - 0.4) < 0.01
assert shares[10] > 0.99
assert shares[12] > 0.99
PYTHON
