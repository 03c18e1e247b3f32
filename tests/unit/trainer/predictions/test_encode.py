"""Rows of texts, beside those that `shardmill build` makes of the same texts."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import UsageError
from tests.support.classifiers import saved_classifier
from tests.support.labelled_builds import build_records, labelled, records_of, write_jsonl
from trainer.loader.open_corpus import open_local_corpus
from trainer.predictions.encode import TextRows
from trainer.rows.shard_rows import MappedShards
from transforms.arrays.randomness import rng_for

AWKWARD = [
    "[SEP] and [MASK] are words  here",
    "a\u0301 e\u0301\u2028two\tlines\r\nand one",
    "  深度学习。 Next sentence! And one more? ",
    "x",
    "don't stop\u200bhere 3.14 <|endoftext|>",
]


def built(folder: Path, records: list[dict[str, str]], fields: str, length: int) -> set[bytes]:
    """Returns ids and token types of the rows of a build."""
    file = write_jsonl(folder / "records.jsonl", records)
    options = ["--fields", fields, "--unlabelled", "--max-seq-length", str(length)]
    options += ["--eval-fraction", "0", "--shards", "1", "--dedup", "off"]
    corpus = open_local_corpus(build_records(folder / "build", "classify", [file], *options))
    paths = [Path(corpus.folder, each.path) for each in corpus.shards("train")]
    shards = MappedShards(paths, corpus.recipe, corpus.vocabulary)
    rows = shards.rows(np.arange(len(shards)))
    return listed(rows.tokens.values, rows.token_types, rows.tokens.offsets)


def listed(ids: object, types: object, offsets: object) -> set[bytes]:
    borders = np.asarray(offsets)
    pairs = np.stack([np.asarray(ids), np.asarray(types)]).astype(np.int64)
    return {pairs[:, a:b].tobytes() for a, b in itertools.pairwise(borders)}


@pytest.mark.parametrize("fields", ["text", "one,two"])
def test_rows_are_those_of_a_build(tmp_path: Path, fields: str) -> None:
    """Also where a text is too long, of two texts either or both."""
    rng = rng_for(1, "texts")
    words = " ".join(each["text"] for each in records_of("classify", 8)).split()
    texts = [
        *AWKWARD,
        *(" ".join(rng.choice(words, int(rng.integers(1, 30)))) for _ in range(60)),
    ]
    names = fields.split(",")
    records = [
        dict(zip(names, texts[at : at + len(names)], strict=True))
        for at in range(len(texts) - len(names))
    ]
    expected = built(tmp_path, records, fields, 24)
    folder = saved_classifier("classify" if len(names) == 1 else "pair")
    found = TextRows(str(folder), 24).rows([list(record.values()) for record in records])
    assert listed(found.ids.values, found.types, found.ids.offsets) == expected
    assert found.cut > 5
    assert max(found.ids.lengths) == 24


def test_rows_without_any_records(tmp_path: Path) -> None:
    assert len(TextRows(str(saved_classifier()), 24).rows([])) == 0


def test_the_build_of_the_model_is_of_the_same_tokenizer() -> None:
    assert open_local_corpus(labelled("classify")).vocabulary.size < 3072


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no tokenizer.json beside it"):
        TextRows(str(tmp_path), 24)


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match=r"tokenizer.json is no tokenizer"):
        TextRows(str(tmp_path), 24)


def test_rows_that_have_room_for_special_tokens_alone_are_refused() -> None:
    with pytest.raises(UsageError, match="3 has no room for text beside 3 special tokens"):
        TextRows(str(saved_classifier()), 3)
