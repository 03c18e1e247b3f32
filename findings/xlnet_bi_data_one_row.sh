#!/usr/bin/env bash
# transformers 5.23.0: an XLNetLMHeadModel with bi_data=True, as in pretraining, answers a batch of one
# row with logits of no row at all, shape [0, length, vocabulary], and no warning.
#
# Expected: logits of shape [1, length, vocabulary], or an error that asks for an even batch: the first
# half of the rows is read forwards, the second backwards. Actual: half of one row is no row, so the
# distances have a batch of 0, and all that follows is broadcast to it. Three rows are an error of einsum.
#
# Workaround: give the row twice, and take the first or the second answer; or set bi_data to False,
# where the model is not pretrained further.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "transformers==5.23.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers


def shape(rows: int) -> str:
    try:
        return str(list(model(input_ids=ids.repeat(rows, 1)).logits.shape))
    except RuntimeError as error:
        return type(error).__name__


print("transformers", transformers.__version__)
config = transformers.XLNetConfig(
    vocab_size=32, d_model=16, n_layer=1, n_head=2, d_inner=16, bi_data=True
)
model = transformers.XLNetLMHeadModel(config).eval()
ids = torch.arange(6)[None]
found = {rows: shape(rows) for rows in (1, 2, 3, 4)}
for rows, answer in found.items():
    print(rows, "rows, logits:", answer)
assert found == {1: "[0, 6, 32]", 2: "[2, 6, 32]", 3: "RuntimeError", 4: "[4, 6, 32]"}
model.config.bi_data = model.transformer.bi_data = False
assert shape(1) == "[1, 6, 32]"
PYTHON
