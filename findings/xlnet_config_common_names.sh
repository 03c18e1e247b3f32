#!/usr/bin/env bash
# transformers 5.23.0: XLNetConfig cannot be made with the common names of its own attribute_map,
# hidden_size and num_attention_heads, unless the size of a head happens to be the default, 64.
#
# Expected: XLNetConfig(hidden_size=16, num_attention_heads=2) is XLNetConfig(d_model=16, n_head=2),
# as GPT2Config(n_embd=16, n_head=2) has these names, too. Actual: a validation error about d_head,
# which was computed from the defaults of d_model and n_head before the names were translated.
#
# Workaround: use d_model and n_head.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "transformers==5.23.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import transformers
from transformers import GPT2Config, XLNetConfig

print("transformers", transformers.__version__)
common = {"hidden_size": 16, "num_attention_heads": 2}
print("attribute_map of XLNetConfig:", {name: XLNetConfig.attribute_map[name] for name in common})
gpt2 = GPT2Config(**common)
print("gpt2, common names:", gpt2.n_embd, gpt2.n_head)
own = XLNetConfig(d_model=16, n_head=2)
print("xlnet, own names:", own.hidden_size, own.num_attention_heads, own.d_head)
message = ""
try:
    XLNetConfig(**common)
except Exception as error:
    message = " ".join(f"{type(error).__name__}: {error}".split())
print("xlnet, common names:", message[:200])
assert (gpt2.n_embd, gpt2.n_head) == (16, 2)
assert (own.hidden_size, own.num_attention_heads, own.d_head) == (16, 2, 8)
assert "d_head" in message
PYTHON
