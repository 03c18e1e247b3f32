#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0): in a ProphetNetForConditionalGeneration the prediction of a
# token depends on the decoder's later tokens, if all of them are given at once, as in training.
#
# Expected: logits at a place depend on the decoder's inputs up to there, as for other decoders, BART
# beside it; and the logits of a whole target are those that come token by token with a cache.
# Actual: other later tokens, and even padding behind the target, change the logits at all places.
# ProphetNetNgramSelfAttention.get_predict_relative_pos_embeddings permutes the embedding of
# distances to (batch, token, stream, head) and reads it as (batch, stream, head, token), so a token
# takes that of other tokens, heads and streams. With one token, as in generate(), both are the same:
# a model that was trained with the loss of the class generates by scores that it never learned.
#
# Workaround: replace that method in every layer of a model by one that gathers with matching axes
# (trainer/models/prophetnet.py); then both ways agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "transformers==5.23.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import AutoModelForSeq2SeqLM, BartConfig, ProphetNetConfig

print("transformers", transformers.__version__, "torch", torch.__version__.partition("+")[0])
torch.manual_seed(0)
sizes = {"vocab_size": 64, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "init_std": 0.3}
heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
layers = {"num_encoder_layers": 2, "num_decoder_layers": 2}
configs = {
    "prophetnet": ProphetNetConfig(
        hidden_size=16, num_encoder_attention_heads=2, num_decoder_attention_heads=2, **layers,
        **sizes,
    ),
    "bart": BartConfig(d_model=16, encoder_layers=2, decoder_layers=2, **heads, **sizes),
}
source, target = torch.randint(5, 64, (1, 9)), torch.randint(5, 64, (1, 6))
longer = torch.cat([target, torch.randint(5, 64, (1, 3))], dim=1)
changes, differences = {}, {}
for name, config in configs.items():
    model = AutoModelForSeq2SeqLM.from_config(config).eval()
    with torch.no_grad():
        whole = model(input_ids=source, decoder_input_ids=target, use_cache=False).logits
        more = model(input_ids=source, decoder_input_ids=longer, use_cache=False).logits
        encoded, past, steps = model.get_encoder()(input_ids=source), None, []
        for at in range(6):
            step = model(
                encoder_outputs=encoded, decoder_input_ids=target[:, at : at + 1],
                past_key_values=past, use_cache=True,
            )
            past = step.past_key_values
            steps.append(step.logits[:, 0])
    changes[name] = (more[:, :6] - whole).abs().max().item()
    differences[name] = (torch.stack(steps, dim=1) - whole).abs().max().item()
    print(f"{name}: changed by later tokens {changes[name]:.0e}, token by token {differences[name]:.0e}")
assert max(changes["bart"], differences["bart"]) < 1e-4
assert min(changes["prophetnet"], differences["prophetnet"]) > 1e-2
PYTHON
