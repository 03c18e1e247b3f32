#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0): for an XLNet with attn_type="uni", which is causal,
# AutoModelForCausalLM.generate() does not continue a text by the logits that the model gives at its
# last token.
#
# Expected: greedy generation takes the token with the highest logit of model(text).logits[:, -1], as
# for other causal models, GPT-2 beside it. Actual: generate() appends a token, and predicts it with
# the query stream. In a model trained to predict the next token (a Transformer-XL), that stream was
# never trained, so what is generated says nothing, without a warning.
#
# Workaround: generate with a loop of one's own over model(ids, mems=...).logits[:, -1].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "transformers==5.23.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import AutoModelForCausalLM, GPT2Config, XLNetConfig

print("transformers", transformers.__version__, "torch", torch.__version__.partition("+")[0])
torch.manual_seed(0)
shape = {"vocab_size": 64, "n_layer": 2, "n_head": 2}
configs = {
    "xlnet": XLNetConfig(**shape, d_model=32, d_inner=64, attn_type="uni", initializer_range=0.5),
    "gpt2": GPT2Config(
        **shape, n_embd=32, bos_token_id=1, eos_token_id=None, initializer_range=0.5
    ),
}
# One by one: of several texts at once, generate() of an XLNet with attn_type="uni" raises
# RuntimeError, for its mask of one text is added to in place.
texts = torch.randint(6, 64, (40, 8))
same = {}
for name, config in configs.items():
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        expected = model(texts).logits[:, -1].argmax(-1)
        generated = torch.cat(
            [
                model.generate(
                    text, attention_mask=torch.ones_like(text), do_sample=False, max_new_tokens=1,
                    pad_token_id=0,
                )[:, -1]
                for text in texts.split(1)
            ]
        )
        # It is causal: another last token leaves the logits before it as they are.
        other = texts.clone()
        other[:, -1] = (other[:, -1] - 6 + 1) % 58 + 6
        change = (model(texts).logits - model(other).logits)[:, :-1].abs().max().item()
    same[name] = int((expected == generated).sum())
    print(f"{name}: causal to {change:.0e}; greedy token as by the logits: {same[name]} of 40")
    assert change < 1e-5
assert same["gpt2"] == 40
assert same["xlnet"] < 30
PYTHON
