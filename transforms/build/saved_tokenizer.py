"""The tokenizer that is saved for users of a model: it makes sequences as the rows were made.

A row is `prefix A suffix` or `prefix A between B suffix`, whatever the tokenizer itself puts around
text; rows of causal language models are text alone, and so is what the tokenizer makes: a prompt
must not end with the end-of-document token. So what is saved is the tokenizer of the build with
another post-processor, and a configuration whose class takes the pipeline as it is: `BertTokenizer`
and its kind would rebuild it from defaults of their own, which make text lower case.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.vocabulary import Vocabulary
from transforms.contract.attention import CAUSAL, CONTEXTS, RECURRENT, TWO_STREAM
from transforms.objectives.recipe import Recipe

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"

_KEYS_OF_ROLES = {
    "cls": "cls_token",
    "sep": "sep_token",
    "mask": "mask_token",
    "pad": "pad_token",
    "unk": "unk_token",
}
_BARE = frozenset({CAUSAL, CONTEXTS, RECURRENT})
"""Kinds of attention whose models are given a text as it is."""
_BEGIN, _END = "<s>", "</s>"
"""Names of tokens that are known as the begin and the end of a sequence, too."""

Json = Mapping[str, Any]


def tokenizer_files(
    recipes: Sequence[Recipe],
    tokenizer_json: str,
    vocabulary: Vocabulary,
    *,
    one_type: bool = False,
) -> dict[str, str]:
    """Returns files by name, as `transformers.AutoTokenizer.from_pretrained` finds them.

    The tokenizer that it returns gives, of one text or of two, the `input_ids`, `token_type_ids`
    and `attention_mask` of a row with these segments. Names of special tokens that stand in the
    text, as "[MASK]", are special tokens to it, which users want; to the build they are text, and
    so they are with `from_pretrained(FOLDER, split_special_tokens=True)`.

    Args:
      recipes: Of the rows that a model is trained on; several if they are a mixture.
      tokenizer_json: Content of the tokenizer file of the build.
      vocabulary: Of the same tokenizer.
      one_type: The model has one type of tokens: all are of type 0, and it is not given them.
    """
    tokenizer = json.loads(tokenizer_json)
    kept = list(_offset_processors(tokenizer.get("post_processor")))
    template = _template(recipes, vocabulary, one_type=one_type)
    tokenizer["post_processor"] = (
        {"type": "Sequence", "processors": [*kept, template]} if kept else template
    )
    # The build encodes text whole; how much of it a model takes is in the configuration.
    tokenizer["truncation"] = tokenizer["padding"] = None
    names = vocabulary.names
    causal = all(recipe.attention in _BARE for recipe in recipes)
    permuted = all(recipe.attention == TWO_STREAM for recipe in recipes)
    typed = not (causal or one_type) and any(recipe.denoise is None for recipe in recipes)
    types = ["token_type_ids"] if typed else []
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max(recipe.max_seq_length for recipe in recipes),
        "model_input_names": ["input_ids", *types, "attention_mask"],
        # The token that stands for a whole row of XLNet is its last.
        "padding_side": "left" if permuted else "right",
        "truncation_side": "right",
        "clean_up_tokenization_spaces": False,
        **{key: names[role] for role, key in _KEYS_OF_ROLES.items() if role in names},
    }
    if names.get("cls") == _BEGIN:
        config["bos_token"] = _BEGIN
    if names.get("sep") == _END:
        config["eos_token"] = _END
    if all(recipe.denoise is not None for recipe in recipes):
        # It ends sources and targets.
        config["eos_token"] = names["sep"]
    if causal and "eod" in names:
        config["bos_token"] = names["eod"]
    if (causal or permuted) and "eod" in names:
        config["eos_token"] = names["eod"]
    return {TOKENIZER: _text(tokenizer), CONFIG: _text(config)}


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _offset_processors(found: Json | None) -> Sequence[Json]:
    """Returns what of a post-processor moves offsets of tokens, and places no tokens itself."""
    if found is None:
        return []
    if found["type"] == "Sequence":
        return [each for part in found["processors"] for each in _offset_processors(part)]
    if found["type"] == "ByteLevel":
        return [found]
    if found["type"] == "RobertaProcessing":
        fields = {name: found[name] for name in ("add_prefix_space", "trim_offsets")}
        return [{"type": "ByteLevel", **fields, "use_regex": True}]
    return []


def _template(recipes: Sequence[Recipe], vocabulary: Vocabulary, *, one_type: bool) -> Json:
    """Returns the post-processor that lays one text, or two, out as rows are.

    Where rows of a mixture have one segment or two, two texts are laid out as those with two.
    """
    paired = next((recipe for recipe in recipes if recipe.segments > 1), recipes[0])
    layout = paired.layout
    # A separator that packing puts behind lines, turns or documents ends a text as a suffix does.
    inner = tuple(dict.fromkeys(role for part in paired.parts for role in part.inner_roles))
    if paired.attention in _BARE:
        # The end-of-document token is left to what goes on: to the next text, or to the model; the
        # markers of sentences to the direction.
        inner = ()
    between, suffix = layout.between or inner, layout.suffix or inner
    if paired.denoise is not None:
        between, suffix = (), (*suffix, *paired.denoise.target.end)
    # Rows of one segment have token type 0 everywhere, so the model knows no other.
    second = 1 if paired.segments > 1 and not one_type else 0
    types = layout.suffix_types if second and layout.suffix else [second] * len(suffix)

    def special(roles: Sequence[str], kinds: Sequence[int]) -> list[Json]:
        return [
            {"SpecialToken": {"id": vocabulary.names[role], "type_id": kind}}
            for role, kind in zip(roles, kinds, strict=True)
        ]

    def text(name: str, kind: int) -> Json:
        return {"Sequence": {"id": name, "type_id": kind}}

    prefix = special(layout.prefix, [0] * len(layout.prefix))
    # Behind one text, too, a token keeps a type of its own.
    alone = [kind if kind > 1 else 0 for kind in types]
    used = dict.fromkeys((*layout.prefix, *between, *suffix))
    return {
        "type": "TemplateProcessing",
        "single": [*prefix, text("A", 0), *special(suffix, alone)],
        "pair": [
            *prefix,
            text("A", 0),
            *special(between, [0] * len(between)),
            text("B", second),
            *special(suffix, types),
        ],
        "special_tokens": {
            vocabulary.names[role]: {
                "id": vocabulary.names[role],
                "ids": [vocabulary.roles[role]],
                "tokens": [vocabulary.names[role]],
            }
            for role in used
        },
    }
