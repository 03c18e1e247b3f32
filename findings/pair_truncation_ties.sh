#!/usr/bin/env bash
# transformers 5.23.0 with tokenizers 0.23.3: truncation "longest_first" of a pair of texts depends on
# the backend of the tokenizer. Where both texts lose tokens and an odd number is left, a tokenizer in
# Python (here CANINE's, a token a character) keeps the further token of the first text, and one of
# the library tokenizers that of the second text, though both are called with the same arguments.
#
# Expected: one rule, since both are documented as taking a token at a time from the longer text.
# Actual: 185 of 990 pairs of lengths up to 11, cut to 2 to 11 tokens, are cut differently. So rows
# that were made with one backend are not those that a model is given with the other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "transformers==5.23.0" "tokenizers==0.23.3"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import itertools

import tokenizers
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CanineTokenizer, PreTrainedTokenizerFast

letters = Tokenizer(models.WordLevel({"a": 97, "b": 98, "?": 0}, unk_token="?"))
letters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
in_python, in_rust = CanineTokenizer(), PreTrainedTokenizerFast(tokenizer_object=letters)


def kept(tokenizer, first, second, most):
    """Returns how many tokens are left of both texts."""
    ids = tokenizer(
        "a" * first,
        "b" * second,
        truncation="longest_first",
        max_length=most,
        add_special_tokens=False,
    )["input_ids"]
    return ids.count(97), ids.count(98)


print("transformers", transformers.__version__, "tokenizers", tokenizers.__version__)
sizes = range(1, 12)
pairs = [each for each in itertools.product(sizes, sizes, range(2, 12)) if sum(each[:2]) > each[2]]
found = {pair: (kept(in_python, *pair), kept(in_rust, *pair)) for pair in pairs}
differ = {pair: both for pair, both in found.items() if both[0] != both[1]}
print(len(differ), "of", len(pairs), "pairs differ; texts of 5 and 5 tokens, cut to 7:", found[5, 5, 7])
assert found[5, 5, 7] == ((4, 3), (3, 4))
assert len(pairs) == 990
assert len(differ) == 185
assert all(one == (two[0] + 1, two[1] - 1) for one, two in differ.values())
PYTHON
