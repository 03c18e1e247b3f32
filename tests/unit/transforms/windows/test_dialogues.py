"""Dialogues: turns, windows, fakes, token types, and the way from JSON lines to a trained model."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.build import main as build
from pipelines.verify import main as verify
from schemas.records import ShardId, Tokens
from tests.oracles.shared_room import slow_share
from tests.oracles.streams import tokens_of, vocabulary
from tests.support.sample_builds import manifest_of, shard_paths, stored_rows, tokenizer_file
from tests.support.synthetic_builds import build_batches, lines_of_documents, settings_for
from tests.support.training_runs import records, tiny_config, train
from trainer.loader.batch_shapes import LAYOUTS
from trainer.loader.batches import ArrowBatches
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings, arrange_examples
from transforms.build.examine import examine
from transforms.objectives.ernie1 import ERNIE1_DLM
from transforms.pairs.dialogue_reality import DialogueReality, share_room
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.pair_segments import follow
from transforms.records.json_fields import json_text
from transforms.windows.dialogues import DialogueTurns

SHARD = ShardId("train", 0, 1)
VOCABULARY = vocabulary(5000)
CLS, SEP = 2, 3


def rows_of(tokens: Tokens, fake_rate: float, length: int = 64, seed: int = 1) -> list[list[int]]:
    recipe = dataclasses.replace(
        ERNIE1_DLM, pair=DialogueReality(fake_rate=fake_rate), max_seq_length=length
    )
    settings = BuildSettings(recipe=recipe, seed=seed, tokenizer_json="", vocabulary=VOCABULARY)
    examples = arrange_examples(tokens, settings, SHARD)
    borders = zip(examples.offsets[:-1].tolist(), examples.offsets[1:].tolist(), strict=True)
    return [examples.ids[a:b].tolist() for a, b in borders]


def test_real_dialogues_are_windows_of_turns() -> None:
    # Turns 100-101, 102, 103, 104-105 | 106, 107, 108, 109, 110 | 111: sentences may share a line.
    tokens = tokens_of([[1, 1, 1, 1, 2], [1] * 5, [1]], ends_line=[0, 1, 1, 1, 1, *[1] * 6])
    assert rows_of(tokens, 0) == [
        [CLS, 100, 101, SEP, 102, SEP],
        [CLS, 103, SEP, 104, 105, SEP],
        [CLS, 106, SEP, 107, SEP, 108, SEP],
        [CLS, 109, SEP, 110, SEP],
    ]


def test_a_long_turn_loses_its_end() -> None:
    tokens = tokens_of([[5, 2, 9], [1, 1]])
    turns = [100, 101, 102, 103, SEP, 105, 106, SEP, 107, 108, 109, SEP]
    assert rows_of(tokens, 0, length=13)[0] == [CLS, *turns]


@pytest.mark.parametrize(
    ("lengths", "room", "kept"),
    [
        ([80, 10, 5], 95, [80, 10, 5]),
        ([80, 10, 5], 94, [79, 10, 5]),
        ([5, 2, 9], 9, [4, 2, 3]),
        ([7, 7, 7], 20, [7, 7, 6]),
        ([7, 7, 7], 19, [7, 6, 6]),
        ([1, 100, 100], 50, [1, 25, 24]),
        ([100, 1], 2, [1, 1]),
        ([3, 3], 0, [0, 0]),
    ],
)
def test_the_longest_turn_gives_first(lengths: list[int], room: int, kept: list[int]) -> None:
    rows = np.array([0, len(lengths)])
    assert share_room(np.array(lengths), rows, np.array([room])).tolist() == kept
    assert slow_share(lengths, room) == kept


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 90)),
        max_size=6,
    )
)
def test_room_is_shared_as_by_the_slow_way(cases: list[tuple[list[int], int]]) -> None:
    lengths = np.array([length for row, _ in cases for length in row], np.int64)
    rows = np.cumsum([0, *(len(row) for row, _ in cases)])
    room = np.array([room for _, room in cases], np.int64)
    slow = [kept for row, most in cases for kept in slow_share(row, most)]
    assert share_room(lengths, rows, room).tolist() == slow


def test_a_turn_is_whole_where_the_row_has_room() -> None:
    tokens = tokens_of([[40, 3, 2], [1, 1]])
    assert rows_of(tokens, 0)[0] == [
        *(CLS, *range(100, 140), SEP),
        *(140, 141, 142, SEP, 143, 144, SEP),
    ]


def test_rows_with_a_long_stranger_fit() -> None:
    tokens = tokens_of([[1, 2, 3], [200, 2, 300], [90, 1]])
    for seed in range(8):
        rows = rows_of(tokens, 1, seed=seed)
        assert max(len(row) for row in rows) == 64
        assert all(row[-1] == SEP and row.count(SEP) in (2, 3) for row in rows)


def test_a_fake_turn_is_one_of_another_dialogue() -> None:
    rng = rng_for(0, "dialogues")
    documents = [[1] * int(rng.integers(2, 9)) for _ in range(60)]
    dialogue = np.repeat(np.arange(60), [len(each) for each in documents]).tolist()
    sides = {"first": 0, "last": 0}
    for row in rows_of(tokens_of(documents), 1):
        turns = [each - 100 for each in row if each >= 100]
        owners = [dialogue[turn] for turn in turns]
        assert len(set(owners)) == 2
        if len(owners) == 3:
            sides["first" if owners[0] != owners[1] else "last"] += 1
            assert owners[1] in (owners[0], owners[2])
    assert min(sides.values()) > 10


def test_every_turn_is_in_one_window() -> None:
    tokens = tokens_of([[1] * count for count in range(1, 12)])
    packing = DialogueTurns().pack(tokens, 60, VOCABULARY, rng_for(0, "pack"))
    starts = follow(packing.ends)
    sizes = packing.ends[starts] - starts
    assert sizes.sum() == sum(range(1, 12))
    assert (sizes == 1).sum() == 1
    assert set(sizes.tolist()) == {1, 2, 3}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DialogueTurns(turns=2), r"turns must be in \[3, 16\], got 2"),
        (lambda: DialogueReality(fake_rate=1.5), r"fake_rate must be in \[0, 1\], got 1.5"),
        (lambda: rows_of(tokens_of([[1, 1], [1, 1]]), 0, length=6), "need 6 or more"),
    ],
)
def test_wrong_fields(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()


def test_a_lone_dialogue_has_no_fakes() -> None:
    with pytest.raises(LoneDocumentError, match="needs another dialogue"):
        rows_of(tokens_of([[1, 1, 1]]), 0.5)


def test_spoilt_turns_are_found() -> None:
    recipe = dataclasses.replace(ERNIE1_DLM, max_seq_length=64, copies=1)
    settings = settings_for(recipe)
    [batch] = build_batches(settings, SHARD, lines_of_documents(30))
    ids = batch.column("input_ids").to_pylist()
    assert not examine(batch, recipe, settings.vocabulary).breaches
    sep = settings.vocabulary.sep
    ids[2][-1] = ids[2][1]
    ids[4][1] = sep
    ids[5] = [sep if at % 3 == 2 else each for at, each in enumerate(ids[5])]
    number = batch.schema.get_field_index("input_ids")
    spoilt = batch.set_column(
        number, batch.schema.field(number), pa.array(ids, batch.schema.field(number).type)
    )
    found = examine(spoilt, recipe, settings.vocabulary)
    assert found.first_rows["a row does not end with a separator"] == 2
    assert found.first_rows["a turn is empty"] == 4
    assert found.first_rows["a dialogue has another number of turns"] in (2, 4, 5)


@pytest.mark.parametrize(
    ("turns", "text", "reason"),
    [
        (["a b", " c\nd\u2028e "], b"a b\nc d e", ""),
        (["a"], b"", "broken_dialogue"),
        ([], b"", "broken_dialogue"),
        (["a", " \n"], b"", "broken_dialogue"),
        (["a", 3], b"", "broken_dialogue"),
        (["a", ["b"]], b"", "broken_dialogue"),
        (["a", "\ud800"], b"", "unpaired_surrogate"),
        ({"a": "b"}, b"", "missing_field"),
    ],
)
def test_a_list_of_turns_is_a_dialogue(turns: object, text: bytes, reason: str) -> None:
    assert json_text({"turns": turns}, "turns") == (text, None, reason)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dialogues")
    dialogues = [{"turns": list(lines)} for lines in lines_of_documents(160) if len(lines) > 1]
    lines = [json.dumps(each) for each in dialogues] + [json.dumps({"turns": ["alone"]})]
    (folder / "talk.jsonl").write_text("\n".join(lines), "utf-8")
    options = ["--text-field", "turns", "--shards", "2", "--copies", "3", "--max-rejected", "1"]
    options += ["--eval-fraction", "0.1", "--max-seq-length", "96"]
    arguments = ["--input", str(folder / "talk.jsonl"), "--output", str(folder / "out")]
    tokenizer = ["--tokenizer", str(tokenizer_file("wordpiece"))]
    assert build(["ernie1-dlm", *arguments, *tokenizer, *options]) == 0
    return folder / "out"


def test_a_build_of_json_lines(corpus: Path) -> None:
    assert verify([str(corpus)]) == 0
    assert manifest_of(corpus)["documents"]["rejected"] == {"broken_dialogue": 1}
    rows = [row for path in shard_paths(corpus) for row in stored_rows(path)]
    assert {row["pair_relation"] for row in rows} == {"real", "fake"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_token_types_are_roles(corpus: Path, layout: str) -> None:
    batches = ArrowBatches(corpus, batch_tokens=1024, layout=layout, rank=0, world_size=1)
    stored = [row for path in shard_paths(corpus) for row in stored_rows(path)]
    sep = batches.corpus.vocabulary.sep
    batch = next(iter(batches))
    types = batch["token_type_ids"].tolist()
    begins = batch["cu_seqlens"].tolist() if layout == "packed" else []
    numbers = [number for number in batch["row_ids"].tolist() if number >= 0]
    for at, number in enumerate(numbers):
        ids = stored[number]["input_ids"]
        expected = [sum(each == sep for each in ids[:place]) % 2 for place in range(len(ids))]
        own = types[0][begins[at] :] if layout == "packed" else types[at]
        assert own[: len(ids)] == expected
        real = stored[number]["pair_relation"] == "real"
        assert batch["next_sentence_label"][at] == real


def test_a_model_trains(corpus: Path, tmp_path: Path) -> None:
    options = ("--batch-tokens", "1024", "--steps", "30", "--lr", "3e-3")
    assert train(corpus, tiny_config(tmp_path), tmp_path / "run", *options) == 0
    found = records(tmp_path / "run")
    losses = [record["loss_mlm"] for record in found]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert all(record["loss_dialogue"] > 0 for record in found)
