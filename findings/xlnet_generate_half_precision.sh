#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0): XLNetLMHeadModel computes bfloat16 logits of a text, but cannot
# generate in bfloat16.
#
# Expected: generate() works in the precision in which the forward pass of the same text works, as it
# does for GPT-2. Actual: RuntimeError, since the relative position encoding is made in float32 and
# converted to the model's type only in the branch of one stream; generate() uses two streams.
#
# Workaround: generate in float32, or under torch.autocast.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "transformers==5.23.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel, XLNetConfig, XLNetLMHeadModel

print("transformers", transformers.__version__, "torch", torch.__version__.partition("+")[0])
text = torch.tensor([[6, 7, 8]])
shape = {"vocab_size": 64, "n_layer": 2, "n_head": 2}
models = {
    "xlnet": XLNetLMHeadModel(XLNetConfig(**shape, d_model=16, d_inner=24)),
    "gpt2": GPT2LMHeadModel(GPT2Config(**shape, n_embd=16, bos_token_id=1, eos_token_id=1)),
}
found = {}
for name, model in models.items():
    model = model.to(torch.bfloat16).eval()
    with torch.no_grad():
        print(name, "logits:", model(text).logits.dtype)
        try:
            length = model.generate(
                text, attention_mask=torch.ones_like(text), max_new_tokens=2, min_new_tokens=2,
                pad_token_id=0,
            ).shape[1]
            found[name] = f"{length} tokens"
        except RuntimeError as error:
            found[name] = f"RuntimeError: {error}"
    print(name, "generate:", found[name])
assert found["gpt2"] == "5 tokens"
assert found["xlnet"].startswith("RuntimeError")
assert "BFloat16" in found["xlnet"]
PYTHON
