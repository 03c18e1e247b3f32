#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0): a BertModel with eager attention ignores a boolean 4-D mask.
#
# Expected: attention_mask of bool[B, 1, L, L] hides the tokens where it is false, as it does with
# sdpa attention. Actual: with attn_implementation="eager" it is added to the scores as 0 and 1, so
# every token still sees every other one, without a warning.
#
# Workaround: give an additive mask, 0 where a token is seen and a large negative number elsewhere;
# both kinds of attention add it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "transformers==5.23.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import BertConfig, BertModel

print("transformers", transformers.__version__, "torch", torch.__version__.partition("+")[0])
config = BertConfig(
    vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=64, initializer_range=0.5,
)
text = torch.arange(6, 14)[None]
other = text.clone()
other[0, -1] = 20
seen = torch.ones(8, 8, dtype=torch.bool).tril()[None, None]
masks = {
    "boolean": seen,
    "additive": (~seen).float() * torch.finfo(torch.float32).min,
}
changed = {}
for kind in ("sdpa", "eager"):
    torch.manual_seed(0)
    model = BertModel._from_config(config, attn_implementation=kind).eval()
    for name, mask in masks.items():
        with torch.no_grad():
            one, two = (model(ids, attention_mask=mask).last_hidden_state for ids in (text, other))
        # No token before the last one sees it.
        changed[kind, name] = (one - two)[0, :-1].abs().max().item()
        print(f"{kind}, {name} mask: tokens that do not see the last one change by up to "
              f"{changed[kind, name]:.1e} when it does")
assert changed["sdpa", "boolean"] == changed["sdpa", "additive"] == 0
assert changed["eager", "additive"] == 0
assert changed["eager", "boolean"] > 0.1
PYTHON
