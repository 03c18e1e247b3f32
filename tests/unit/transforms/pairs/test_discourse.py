import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli import main as shardmill
from pipelines.report.charts import charts_of
from schemas.records import Tokens
from schemas.windows import Packing, Windows
from tests.oracles.linked import discourse_pairs
from tests.oracles.openings import made_up_codes, opening_of
from tests.oracles.streams import tokens_of, vocabulary
from tests.support.sample_builds import (
    FREQUENT,
    SAMPLE,
    corpus,
    manifest_of,
    shard_paths,
    stored_rows,
    tokenizer_file,
)
from trainer.tasks.of_recipes import tasks_of
from transforms.arrays.randomness import rng_for
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import recipe_from, settings_of
from transforms.pairs.discourse import DiscourseMarkers
from transforms.text.marker_lists import CHINESE, ENGLISH, MARKER_LISTS, read_markers
from transforms.text.normalize import normalize_texts
from transforms.text.openings import opening_name
from transforms.text.sentences import SENTENCE_RULES
from transforms.windows.pack_windows import SentenceChunks

Captured = pytest.CaptureFixture[str]
PAIR = DiscourseMarkers(markers=("but", "so", "then"))
NAME = opening_name(PAIR.relations)


def marked(documents: list[list[int]], codes: dict[int, int]) -> Tokens:
    """Returns tokens with ids from 100, where some belong to a marker, by place."""
    tokens = tokens_of(documents)
    marks = np.zeros(len(tokens.ids), np.uint8)
    marks[list(codes)] = list(codes.values())
    return dataclasses.replace(tokens, annotations={NAME: marks, "phrases": marks})


def packed(tokens: Tokens, target: int) -> Packing:
    count = len(tokens.sentence_offsets) - 1
    return Packing(tokens, np.arange(1, count + 1), np.full(count, target))


def pairs_of(windows: Windows) -> list[tuple[list[int], list[int], int]]:
    assert windows.second is not None
    assert windows.relation is not None
    ids = windows.tokens.ids.tolist()
    return [
        (ids[a:b], ids[c:d], relation)
        for (a, b), (c, d), relation in zip(
            windows.first.tolist(), windows.second.tolist(), windows.relation.tolist(), strict=True
        )
    ]


def pair(tokens: Tokens, target: int, capacity: int = 1000) -> Windows:
    return PAIR.pair(packed(tokens, target), capacity, rng_for(0, "pair"))


def test_pairs_of_literal_ids() -> None:
    # 100-102 | 103-105 | 106-109 || 110-111 | 112-114; markers at 103, at 106 and 107, and at 110.
    tokens = marked([[3, 3, 4], [2, 3]], {3: 2, 6: 1, 7: 1, 10: 3})
    assert pairs_of(pair(tokens, 100)) == [
        ([100, 101, 102], [104, 105], 1),
        ([100, 101, 102, 103, 104, 105], [108, 109], 0),
    ]
    # The second A has a sentence less where seven tokens are wanted, but never none.
    assert [first for first, _, _ in pairs_of(pair(tokens, 7))] == [
        [100, 101, 102],
        [103, 104, 105],
    ]
    assert [first for first, _, _ in pairs_of(pair(tokens, 8))][1] == list(range(100, 106))
    assert [first for first, _, _ in pairs_of(pair(tokens, 2))] == [
        [100, 101, 102],
        [103, 104, 105],
    ]


def test_what_is_next_to_the_marker_is_kept() -> None:
    tokens = marked([[6, 7]], {6: 1})
    assert pairs_of(pair(tokens, 100, 8)) == [([102, 103, 104, 105], [107, 108, 109, 110], 0)]
    assert pairs_of(pair(tokens, 100, 3)) == [([104, 105], [107], 0)]


def test_a_sentence_of_nothing_but_its_marker_makes_no_pair() -> None:
    assert pairs_of(pair(marked([[2, 2]], {2: 1, 3: 1}), 100)) == []
    assert pairs_of(pair(marked([[2, 2, 3]], {2: 1, 3: 1, 4: 2}), 100)) == [
        ([100, 101, 102, 103], [105, 106], 1)
    ]
    assert pairs_of(pair(marked([[3], [3]], {0: 1, 3: 1}), 100)) == []


def test_the_markers_do_not_go_on_to_the_rows() -> None:
    windows = pair(marked([[2, 3]], {2: 1}), 100)
    assert list(windows.tokens.annotations) == ["phrases"]


@given(
    documents=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=9), max_size=5),
    capacity=st.integers(2, 30),
    seed=st.integers(0, 1 << 20),
)
def test_pairs_are_those_of_a_slow_search(
    documents: list[list[int]], capacity: int, seed: int
) -> None:
    tokens = tokens_of(documents)
    codes = made_up_codes(tokens, PAIR.relations, seed)
    tokens = dataclasses.replace(tokens, annotations={NAME: codes})
    packing = SentenceChunks(short_rate=0.5).pack(tokens, capacity, vocabulary(), rng_for(seed))
    found = pairs_of(PAIR.pair(packing, capacity, rng_for(0, "pair")))
    expected = discourse_pairs(tokens, codes.tolist(), packing.targets.tolist(), capacity)
    assert found == expected


def test_pairs_of_the_sample_are_those_of_its_sentences() -> None:
    folder, markers = corpus("ernie2-discourse"), (*ENGLISH, *CHINESE, *FREQUENT)
    expected: list[str] = []
    for path in sorted(SAMPLE.glob("*.txt")):
        for document in normalize_texts(path.read_bytes().split(b"\n\n")):
            data = np.frombuffer(document + b"\n", np.uint8)
            borders = [*SENTENCE_RULES["rules"](data).tolist(), len(data)]
            for begin, end in itertools.pairwise(borders[1:]):
                found = opening_of(data[begin:end].tobytes().decode(), markers)
                if found:
                    expected.append(markers[found[0] - 1])
    paths = [*shard_paths(folder), *shard_paths(folder, "eval")]
    told = [row["pair_relation"] for path in paths for row in stored_rows(path)]
    assert sorted(told) == sorted(expected)
    assert len(told) > 100
    assert {"then", "但是", "the", "他"} <= set(told)


def test_the_lists() -> None:
    assert MARKER_LISTS == {"english": ENGLISH, "chinese": CHINESE}
    for each in (ENGLISH, CHINESE):
        assert 40 <= len(each) <= 70
        assert list(each) == sorted(set(each))
    both = DiscourseMarkers()
    assert both.relations == (*ENGLISH, *CHINESE)
    assert both.labels["accordingly"] == 0
    assert both.labels[CHINESE[-1]] == len(both.relations) - 1
    assert DiscourseMarkers(markers=("chinese", "pero", "oder")).relations[-2:] == ("pero", "oder")


@pytest.mark.parametrize(
    ("markers", "message"),
    [
        ((), "2 to 255 markers, got 0"),
        (("but",), "got 1"),
        (tuple(f"m{number}" for number in range(256)), "got 256"),
        (("but", "But"), "'But' stands twice"),
        (("but", "english"), "'but' stands twice"),
        (("but", " so"), "' so' must not be empty"),
        (("but", "so  that"), "'so  that' must not"),
        (("but", ""), "'' must not be empty"),
    ],
)
def test_lists_that_cannot_be(markers: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DiscourseMarkers(markers=markers)


def test_a_file_of_markers() -> None:
    assert read_markers("but\r\n\n  so   that \ne\u0301t\n") == ("but", "so that", "ét")
    assert read_markers(" \n") == ()
    with pytest.raises(ValueError, match="'but, then' has a comma"):
        read_markers("but, then\n")


def test_markers_are_a_setting() -> None:
    recipe = recipe_from("ernie2-discourse", {"pair.markers": "but,on the other hand"})
    assert recipe.pair.relations == ("but", "on the other hand")
    again = recipe_from("ernie2-discourse", settings_of(recipe))
    assert again == recipe
    assert [task.name for task in tasks_of(recipe)] == ["mlm", "discourse"]
    assert getattr(tasks_of(OBJECTIVES["ernie2-discourse"])[1], "classes", 0) == len(ENGLISH) + len(
        CHINESE
    )
    many = recipe_from("ernie2-discourse", {"pair.markers": ",".join(f"m{n}" for n in range(200))})
    assert str(many.schema(vocabulary()).field("pair_relation").type).startswith(
        "dictionary<values=string, indices=int16"
    )


def test_charts_of_many_markers_show_the_frequent_ones() -> None:
    counts = {f"pair.m{letter}": number for number, letter in enumerate("abcdefghijklmnop")}
    [chart] = charts_of(counts, 64).shares
    assert [bar.count for bar in chart.bars] == list(range(15, 0, -1))
    assert chart.bars[0].label == "mp"
    few = charts_of({"pair.next": 0, "pair.random": 3}, 64).shares
    assert [bar.label for bar in few[0].bars] == ["next", "random"]


def build(recipe: str, folder: Path, *options: str) -> int:
    tokenizer = str(tokenizer_file("wordpiece"))
    given = ["--input", f"{SAMPLE}/*.txt", "--tokenizer", tokenizer, "--output", str(folder)]
    return shardmill(
        [
            "build",
            recipe,
            *given,
            "--shards",
            "1",
            "--eval-fraction",
            "0",
            "--copies",
            "1",
            *options,
        ]
    )


def test_other_markers_from_a_file(tmp_path: Path, capsys: Captured) -> None:
    markers = tmp_path / "markers.txt"
    markers.write_text("the\n他\n没有这个词\n", encoding="utf-8")
    assert build("ernie2-discourse", tmp_path / "out", "--markers", str(markers)) == 0
    assert shardmill(["verify", str(tmp_path / "out")]) == 0
    manifest = manifest_of(tmp_path / "out")
    assert manifest["recipe"]["settings"]["pair.markers"] == "the,他,没有这个词"
    told = {row["pair_relation"] for row in stored_rows(shard_paths(tmp_path / "out")[0])}
    assert told == {"the", "他"}
    statistics = manifest["statistics"]["train"]
    assert statistics["pair.the"] > statistics["pair.没有这个词"] == 0
    # Another list is another build.
    markers.write_text("the\n他\n", encoding="utf-8")
    capsys.readouterr()
    assert build("ernie2-discourse", tmp_path / "out", "--markers", str(markers)) == 2
    assert "another build" in capsys.readouterr().err


def test_a_text_without_markers(tmp_path: Path, capsys: Captured) -> None:
    markers = tmp_path / "markers.txt"
    markers.write_text("xyzzy\nplugh\n", encoding="utf-8")
    options = ("--markers", str(markers))
    assert build("ernie2-discourse", tmp_path / "out", *options) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("shardmill: ernie2-discourse made no examples of 80 documents: none")
    assert "--markers FILE" in said
    assert not (tmp_path / "out").exists()
    members = ("--members", "roberta-wwm-ext,ernie2-discourse")
    assert build("mixture", tmp_path / "mixed", *members, *options) == 0
    assert "ernie2-discourse made no examples" in capsys.readouterr().err
    assert shardmill(["verify", str(tmp_path / "mixed")]) == 0
    assert stored_rows(shard_paths(tmp_path / "mixed" / "ernie2-discourse")[0]) == []
    assert build("bert", tmp_path / "bert", *options) == 2
    assert "bert predicts no discourse markers; leave it out" in capsys.readouterr().err


def test_a_member_is_what_the_recipe_builds_alone(tmp_path: Path) -> None:
    members = ("--members", "ernie2-capitals,ernie2-discourse")
    assert build("mixture", tmp_path / "mixed", *members) == 0
    assert build("ernie2-discourse", tmp_path / "alone") == 0
    [mixed], [alone] = (
        shard_paths(tmp_path / folder) for folder in ("mixed/ernie2-discourse", "alone")
    )
    rows = [{**row, "objective": "ernie2-discourse"} for row in stored_rows(alone)]
    assert rows == stored_rows(mixed)
