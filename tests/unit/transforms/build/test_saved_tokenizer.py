"""The tokenizer beside a model and an export lays text out as the rows are."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, normalizers, processors

from schemas.vocabulary import Vocabulary, read_vocabulary
from tests.oracles.encoding import byte_level_bpe, unigram, word_level, word_piece
from tests.support.sample_builds import corpus, shard_paths
from trainer.loader.open_corpus import open_local_corpus
from trainer.rows.shard_rows import MappedShards
from transforms.build.saved_tokenizer import tokenizer_files
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import changed
from transforms.tokens.tokenize_text import load_tokenizer

transformers = pytest.importorskip("transformers")

TEXTS = [
    ("The cat don't: 3 cats, 中国我们的大学!", "TiDB集群 Élan ÜBER the cat."),
    ("我们的大学。", "the"),
    ("  two  spaces\tand a tab ", "ＡＢＣ ½ 👍🏽"),
    ("x" * 120, "[CLS] no [MASK] <s> </s> <mask>"),
]
CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "bert": {"pad_token_id": 0},
    "roberta": {"pad_token_id": 1, "type_vocab_size": 1},
    "albert": {"pad_token_id": 0},
    "ernie": {"pad_token_id": 0},
}
USUAL = {"cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]", "pad": "[PAD]"}
NAMES: Mapping[str, Mapping[str, str]] = {
    "en_bpe_no_postprocessor": {
        "cls": "<|im_start|>",
        "sep": "<|im_end|>",
        "mask": "<|mask|>",
        "pad": "<|endoftext|>",
    },
    "en_bpe_no_pretokenizer": {"cls": "<s>", "sep": "</s>", "mask": "<mask>", "pad": "<pad>"},
}


def cased() -> Tokenizer:
    tokenizer = word_piece()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    return tokenizer


def with_processor(processor: Any, *, cut: bool = False) -> Tokenizer:
    tokenizer = byte_level_bpe()
    tokenizer.post_processor = processor
    if cut:
        tokenizer.enable_truncation(4)
        tokenizer.enable_padding(length=9)
    return tokenizer


SMALL: Mapping[str, Callable[[], Tokenizer]] = {
    "wordpiece": word_piece,
    "cased wordpiece": cased,
    "byte-level": byte_level_bpe,
    "byte-level, roberta": lambda: with_processor(
        processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=True), cut=True
    ),
    "byte-level, nested": lambda: with_processor(
        processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=True),
                processors.TemplateProcessing("<s>:7 $A", "$A $B", [("<s>", 0)]),
            ]
        )
    ),
    "unigram": unigram,
    "word level": word_level,
}
SHARED = (
    "en_wordpiece",
    "zh_wordpiece",
    "en_bytelevel_bpe",
    "mixed_unigram",
    "en_bpe_no_postprocessor",
    "en_bpe_no_pretokenizer",
)


@functools.cache
def small(name: str) -> tuple[str, Vocabulary]:
    tokenizer = SMALL[name]()
    tokenizer.add_special_tokens(list(USUAL.values()))
    text = tokenizer.to_str()
    return text, read_vocabulary(text, USUAL)


def alike(recipe: Recipe) -> Recipe:
    """Returns a recipe whose rows have the length that all have here."""
    return dataclasses.replace(recipe, max_seq_length=96)


def saved(folder: Path, files: Mapping[str, str], kind: str = "bert", **options: Any) -> Any:
    """Returns the tokenizer that lies in a folder beside a model of this type."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    config = transformers.AutoConfig.for_model(kind, vocab_size=64, **CONFIGS[kind])
    config.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder, **options)


def laid_out(
    vocabulary: Vocabulary, recipe: Recipe, first: list[int], second: list[int] | None
) -> dict[str, list[int]]:
    """Returns a row as a recipe of the table lays it out.

    [CLS] A [SEP] B [SEP], but of causal recipes A B, of xlnet A [SEP] B [SEP] [CLS], and of those
    with a decoder [CLS] A B [SEP] or A B [SEP].
    """
    if recipe.predict is not None:
        ids = [*first, *(second or ())]
        return {"input_ids": ids, "attention_mask": [1] * len(ids)}
    cls, sep = vocabulary.roles["cls"], vocabulary.roles["sep"]
    if recipe.denoise is not None:
        ids = [*([cls] if recipe.layout.prefix else ()), *first, *(second or ()), sep]
        return {"input_ids": ids, "attention_mask": [1] * len(ids)}
    if recipe.name == "xlnet":
        before, behind = [*first, sep], [] if second is None else [*second, sep]
        return {
            "input_ids": [*before, *behind, cls],
            "token_type_ids": [0] * len(before) + [1] * len(behind) + [2],
            "attention_mask": [1] * (len(before) + len(behind) + 1),
        }
    front, back = [cls, *first, sep], [] if second is None else [*second, sep]
    kind = 1 if recipe.segments == 2 else 0
    return {
        "input_ids": front + back,
        "token_type_ids": [0] * len(front) + [kind] * len(back),
        "attention_mask": [1] * (len(front) + len(back)),
    }


def check_all_recipes(folder: Path, text: str, vocabulary: Vocabulary) -> int:
    """Compares what a tokenizer gives for every recipe; returns how many cases there were."""
    rows, cases = load_tokenizer(text), 0
    if "eod" not in vocabulary.roles:
        names = {**vocabulary.names, "eod": vocabulary.names["sep"]}
        vocabulary = read_vocabulary(text, names)
    found: dict[str, Any] = {}
    for recipe in map(alike, OBJECTIVES.values()):
        files = tokenizer_files([recipe], text, vocabulary)
        key = "".join(files.values())
        if key not in found:
            kind = list(CONFIGS)[len(found) % len(CONFIGS)]
            found[key] = saved(folder / str(len(found)), files, kind, split_special_tokens=True)
        for pair in TEXTS:
            first, second = (rows.encode(each, add_special_tokens=False).ids for each in pair)
            once, twice = found[key](pair[0]), found[key](*pair)
            assert dict(once) == laid_out(vocabulary, recipe, first, None), recipe.name
            assert dict(twice) == laid_out(vocabulary, recipe, first, second), recipe.name
            cases += 2
    return cases


@pytest.mark.parametrize("name", SMALL)
def test_every_recipe_and_tokenizer(name: str, tmp_path: Path) -> None:
    assert check_all_recipes(tmp_path, *small(name)) == 8 * len(OBJECTIVES)


@pytest.mark.parametrize("name", SHARED)
def test_every_recipe_and_large_tokenizer(name: str, tmp_path: Path, shared_data: Path) -> None:
    text = (shared_data / "tokenizers" / f"{name}.json").read_text("utf-8")
    vocabulary = read_vocabulary(text, NAMES.get(name))
    assert check_all_recipes(tmp_path, text, vocabulary) == 8 * len(OBJECTIVES)


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_pipeline_is_kept_whatever_the_model_is(kind: str, tmp_path: Path) -> None:
    """Classes named after models would rebuild it: without capitals, without accents."""
    text, vocabulary = small("cased wordpiece")
    tokenizer = saved(tmp_path, tokenizer_files([OBJECTIVES["bert"]], text, vocabulary), kind)
    assert tokenizer.backend_tokenizer.normalizer.normalize_str("Élan") == "Élan"
    assert tokenizer.convert_ids_to_tokens(tokenizer("cat The").input_ids) == [
        *["[CLS]", "cat", "[UNK]", "[SEP]"],
    ]


def test_names_and_limits(tmp_path: Path) -> None:
    text, vocabulary = small("wordpiece")
    tokenizer = saved(tmp_path, tokenizer_files([alike(OBJECTIVES["bert"])], text, vocabulary))
    assert (tokenizer.cls_token, tokenizer.sep_token) == ("[CLS]", "[SEP]")
    assert (tokenizer.pad_token, tokenizer.mask_token) == ("[PAD]", "[MASK]")
    assert tokenizer.unk_token == "[UNK]"
    assert (tokenizer.bos_token, tokenizer.eos_token) == (None, None)
    assert tokenizer.model_max_length == 96
    assert (tokenizer.padding_side, tokenizer.truncation_side) == ("right", "right")
    assert tokenizer.model_input_names == ["input_ids", "token_type_ids", "attention_mask"]
    assert len(tokenizer) == vocabulary.size
    cut = tokenizer("the " * 200, "cat " * 200, truncation=True).input_ids
    assert (len(cut), cut[0], cut[-1], cut.count(3)) == (96, 2, 3, 2)
    padded = tokenizer(["the", "the cat"], padding=True)
    assert padded["input_ids"] == [[2, 66, 3, 0], [2, 66, 67, 3]]
    assert padded["attention_mask"] == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_names_of_begin_and_end(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / "tokenizers" / "en_bytelevel_bpe.json").read_text("utf-8")
    files = tokenizer_files([OBJECTIVES["roberta"]], text, read_vocabulary(text))
    tokenizer = saved(tmp_path, files, "roberta")
    assert (tokenizer.bos_token, tokenizer.cls_token) == ("<s>", "<s>")
    assert (tokenizer.eos_token, tokenizer.sep_token) == ("</s>", "</s>")
    assert tokenizer("a b")["input_ids"][0] == 0


def test_special_tokens_in_text_are_special_unless_asked(tmp_path: Path) -> None:
    text, vocabulary = small("wordpiece")
    files = tokenizer_files([OBJECTIVES["bert"]], text, vocabulary)
    assert saved(tmp_path, files)("the [MASK] cat").input_ids == [2, 66, 4, 67, 3]
    as_rows = saved(tmp_path, files, split_special_tokens=True)
    assert 4 not in as_rows("the [MASK] cat").input_ids


@pytest.mark.parametrize(
    ("settings", "single", "pair", "types"),
    [
        ({"layout.between": "sep,sep"}, [2, 66, 3], [2, 66, 3, 3, 67, 3], [0, 0, 0, 0, 1, 1]),
        ({"layout.suffix": "sep,cls"}, [2, 66, 3, 2], [2, 66, 3, 67, 3, 2], [0, 0, 0, 1, 1, 1]),
        ({"layout.prefix": "cls,mask"}, [2, 4, 66, 3], [2, 4, 66, 3, 67, 3], [0, 0, 0, 0, 1, 1]),
        ({"layout.prefix": ""}, [66, 3], [66, 3, 67, 3], [0, 0, 1, 1]),
        ({"layout.suffix": ""}, [2, 66], [2, 66, 3, 67], [0, 0, 0, 1]),
    ],
)
def test_other_layouts(
    settings: dict[str, str], single: list[int], pair: list[int], types: list[int], tmp_path: Path
) -> None:
    text, vocabulary = small("wordpiece")
    files = tokenizer_files([changed(OBJECTIVES["bert"], settings)], text, vocabulary)
    tokenizer = saved(tmp_path, files)
    assert tokenizer("the").input_ids == single
    assert tokenizer("the", "cat").input_ids == pair
    assert tokenizer("the", "cat").token_type_ids == types


def test_a_mixture_lays_pairs_out_as_its_members_with_pairs(tmp_path: Path) -> None:
    text, vocabulary = small("wordpiece")
    recipes = [OBJECTIVES["ernie2-capitals"], OBJECTIVES["bert"], OBJECTIVES["ernie2-document"]]
    tokenizer = saved(tmp_path, tokenizer_files(recipes, text, vocabulary))
    assert tokenizer("the", "cat").token_type_ids == [0, 0, 0, 1, 1]
    assert tokenizer.model_max_length == 512


def test_offsets_of_byte_level_tokens_stay_trimmed(tmp_path: Path) -> None:
    text, vocabulary = small("byte-level, roberta")
    tokenizer = saved(tmp_path, tokenizer_files([OBJECTIVES["roberta"]], text, vocabulary))
    found = tokenizer("a the", return_offsets_mapping=True)
    assert found["offset_mapping"] == [(0, 0), (0, 1), (2, 5), (0, 0)]


def rows_and_texts(recipe: str, model: str) -> tuple[list[Any], int]:
    """Returns rows of a build with their texts, and how many rows texts cannot tell.

    Of a row of more than two texts only the first two are returned. What cannot be told are texts
    that other tokens spell too, say because sentences were encoded one by one.
    """
    opened = open_local_corpus(corpus(recipe, model))
    stored = MappedShards(shard_paths(corpus(recipe, model)), opened.recipe, opened.vocabulary)
    rows = stored.rows(np.arange(len(stored)))
    tokenizer, sep = load_tokenizer(opened.tokenizer_json), opened.vocabulary.sep
    found, left_out = [], 0
    ids = np.split(rows.tokens.values, rows.tokens.offsets[1:-1])
    kinds = np.split(rows.token_types, rows.tokens.offsets[1:-1])
    for row, types in zip(ids, kinds, strict=True):
        ends = np.flatnonzero(row == sep)[:2]
        parts = (
            [part.tolist() for part in np.split(row[: ends[-1]], ends[:-1])] if len(ends) else []
        )
        parts = [part[1:] for part in parts]
        texts = [tokenizer.decode(part, skip_special_tokens=False) for part in parts]
        again = [tokenizer.encode(each, add_special_tokens=False).ids for each in texts]
        if all(parts) and parts and again == parts:
            end = ends[-1] + 1
            found.append((texts, row[:end].tolist(), types[:end].tolist()))
        else:
            left_out += 1
    return found, left_out


def test_a_prompt_of_a_causal_model_has_no_end(tmp_path: Path) -> None:
    text, vocabulary = small("wordpiece")
    vocabulary = read_vocabulary(text, {**USUAL, "eod": "[SEP]"})
    tokenizer = saved(tmp_path, tokenizer_files([OBJECTIVES["gpt"]], text, vocabulary))
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("[SEP]", "[SEP]")
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]
    assert (tokenizer.padding_side, tokenizer.model_max_length) == ("right", 1024)
    assert dict(tokenizer("the cat")) == {"input_ids": [66, 67], "attention_mask": [1, 1]}
    assert tokenizer("the", "cat").input_ids == [66, 67]


def test_texts_of_xlnet_end_with_the_token_of_the_row(tmp_path: Path) -> None:
    text, vocabulary = small("wordpiece")
    recipe = OBJECTIVES["xlnet"]
    tokenizer = saved(tmp_path, tokenizer_files([recipe], text, vocabulary))
    assert (tokenizer.padding_side, tokenizer.eos_token) == ("left", None)
    assert dict(tokenizer(["the", "the cat"], padding=True)) == {
        "input_ids": [[0, 66, 3, 2], [66, 67, 3, 2]],
        "token_type_ids": [[0, 0, 0, 2], [0, 0, 0, 2]],
        "attention_mask": [[0, 1, 1, 1], [1, 1, 1, 1]],
    }
    assert tokenizer("the", "cat").token_type_ids == [0, 0, 1, 1, 2]
    ended = dataclasses.replace(vocabulary, names={**vocabulary.names, "eod": "[MASK]"})
    files = tokenizer_files([recipe], text, ended)
    assert saved(tmp_path / "ended", files).eos_token == "[MASK]"


def test_a_mixture_with_one_causal_recipe_keeps_its_special_tokens(tmp_path: Path) -> None:
    text, _ = small("wordpiece")
    vocabulary = read_vocabulary(text, {**USUAL, "eod": "[SEP]"})
    recipes = [OBJECTIVES["gpt"], OBJECTIVES["bert"]]
    tokenizer = saved(tmp_path, tokenizer_files(recipes, text, vocabulary))
    assert tokenizer("the", "cat").input_ids == [2, 66, 3, 67, 3]
    assert (tokenizer.bos_token, tokenizer.eos_token) == (None, None)
    assert "token_type_ids" in tokenizer.model_input_names


@pytest.mark.parametrize(
    ("recipe", "model"),
    [("bert", ""), ("roberta", "bpe"), ("ernie1-dlm", ""), ("electra", ""), ("bert", "unigram")],
)
def test_rows_come_back_from_their_texts(recipe: str, model: str, tmp_path: Path) -> None:
    opened = open_local_corpus(corpus(recipe, model))
    before = (corpus(recipe, model) / "tokenizer.json").read_bytes()
    tokenizer = saved(tmp_path, opened.tokenizer_files(), split_special_tokens=True)
    rows, left_out = rows_and_texts(recipe, model)
    assert len(rows) > 0.2 * left_out
    assert (corpus(recipe, model) / "tokenizer.json").read_bytes() == before
    for texts, ids, types in rows:
        assert dict(tokenizer(*texts)) == {
            "input_ids": ids,
            "token_type_ids": types,
            "attention_mask": [1] * len(ids),
        }
