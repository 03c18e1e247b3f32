#!/usr/bin/env bash
# tokenizers 0.23.3 with sentencepiece 0.2.1: the normaliser Precompiled, which applies the table of
# characters of a SentencePiece model, drops a combining mark behind a character that the table
# replaces, if both have five bytes at most; SentencePiece keeps it.
#
# Expected: the same text from the same table, as the name of the normaliser says.
# Actual: "…" with U+0301 becomes "..." and no mark, and the circled 1 with it becomes "1"; the
# letters of a Korean syllable, which SentencePiece composes, stay three. So a converted model gives
# other ids, and the mark is lost to whoever decodes them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "sentencepiece==0.2.1" "tokenizers==0.23.3" "protobuf==6.33.6"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import normalizers

model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(["a b c"] * 9), model_writer=model, vocab_size=8, hard_vocab_limit=False,
    minloglevel=2,
)
spec = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue()).normalizer_spec
in_c = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
in_rust = normalizers.Precompiled(spec.precompiled_charsmap)
print("tokenizers", tokenizers.__version__, "sentencepiece", sentencepiece.__version__, spec.name)
texts = ("\u2026\u0301", "\u2460\u0301", "\u1112\u1161\u11ab")
found = [(in_c.normalize(text).lstrip("\u2581"), in_rust.normalize_str(text)) for text in texts]
for text, both in zip(texts, found):
    print(*(ascii(each) for each in (text, *both)))
assert found[0] == ("...\u0301", "...")
assert found[1] == ("1\u0301", "1")
assert found[2] == ("\ud55c", "\u1112\u1161\u11ab")
PYTHON
