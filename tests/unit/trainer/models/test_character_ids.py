import json
from typing import Any

from tests.support.sample_builds import corpus
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.character_ids import character_ids, character_table
from transforms.build.corpus import Corpus


def unpadded(row: Any) -> list[int]:
    assert row.shape == (50,)
    found = row.tolist()
    size = found.index(259) + 1
    assert found[size:] == [260] * (50 - size)
    return found[:size]


def test_words_of_one_two_and_three_bytes_a_character() -> None:
    found = character_ids([b"an", "é".encode(), "中".encode(), b""])
    assert found.dtype == "uint16"
    assert [unpadded(row) for row in found] == [
        [258, 97, 110, 259],
        [258, 195, 169, 259],
        [258, 228, 184, 173, 259],
        [258, 259],
    ]


def test_a_long_word_is_cut_after_48_bytes_and_may_end_inside_a_character() -> None:
    word = ("a" * 47 + "é" + "b" * 11).encode()
    assert len(word) == 60
    [row] = character_ids([word])
    assert row.tolist() == [258, *[97] * 47, 195, 259]
    [row] = character_ids([b"c" * 48])
    assert row.tolist() == [258, *[99] * 48, 259]
    assert unpadded(character_ids([b"c" * 47])[0]) == [258, *[99] * 47, 259]


def test_no_words() -> None:
    assert character_ids([]).shape == (0, 50)


def opened() -> Corpus:
    return open_local_corpus(corpus("elmo"))


def test_the_table_of_a_build_has_a_row_for_every_id() -> None:
    found = opened()
    table = character_table(found.tokenizer_json, found.vocabulary)
    assert table.shape == (found.vocabulary.size, 50)
    assert unpadded(table[0]) == [258, 257, 259]
    assert unpadded(table[1]) == [258, 256, 259]
    assert unpadded(table[2]) == [258, *b"<unk>", 259]
    words = json.loads(found.tokenizer_json)["model"]["vocab"]
    assert int(table.max()) <= 260
    for word in ("the", "他", "。"):
        assert unpadded(table[words[word]]) == [258, *word.encode(), 259]
