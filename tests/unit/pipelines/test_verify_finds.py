"""`shardmill verify` finds every mutation of a finished build, and nothing in an untouched one."""

import functools
import hashlib
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.verify import main
from schemas.manifest_file import seal
from tests.support.synthetic_builds import Folder, Rows, build_folder
from transforms.objectives import OBJECTIVES

MASK = 4


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Folder]:
    """Builds a recipe when a test first asks for it."""
    path = tmp_path_factory.mktemp("built")
    return functools.cache(lambda name: build_folder(path / name, OBJECTIVES[name]))


@pytest.fixture
def folder_of(built: Callable[[str], Folder], tmp_path: Path) -> Callable[[str], Folder]:
    """Copies the finished build of a recipe."""

    def copy(name: str) -> Folder:
        original = built(name)
        shutil.copytree(original.path, tmp_path / name)
        manifest = json.loads(json.dumps(original.manifest))
        return Folder(tmp_path / name, original.settings, manifest)

    return copy


def verdict_of(folder: Folder, capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    """Runs the program, and checks that its exit status goes with what it says."""
    status = main([str(folder.path), "--json", *options])
    verdict = json.loads(capsys.readouterr().out)
    assert status == (0 if verdict["ok"] else 1)
    return verdict


def problems_of(
    folder: Folder, capsys: pytest.CaptureFixture[str], *options: str
) -> list[tuple[str, str]]:
    found = verdict_of(folder, capsys, *options)["problems"]
    return [(problem["check"], problem["sentence"]) for problem in found]


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_an_untouched_build_is_well(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    verdict = verdict_of(folder_of(name), capsys)
    assert verdict["ok"]
    assert verdict["skipped"] == {}
    recipe = OBJECTIVES[name]
    # Of a single copy, or of an order in place of masks, there is less to say.
    several = recipe.copies > 1 and recipe.attention != "two_stream"
    least = (8 if several else 7) if recipe.stored else len(recipe.corrupt)
    assert len(verdict["oracles"]["train"]) >= least


def flip_byte(folder: Folder) -> None:
    content = bytearray(folder.shard().read_bytes())
    content[len(content) // 2] ^= 1
    folder.shard().write_bytes(content)


def remove_shard(folder: Folder) -> None:
    folder.shard(1).unlink()


def truncate(folder: Folder) -> None:
    folder.shard().write_bytes(folder.shard().read_bytes()[:-1000])


def empty(folder: Folder) -> None:
    folder.shard().write_bytes(b"")


def add_shard(folder: Folder) -> None:
    shutil.copy(folder.shard(), folder.path / "train" / "shard-00002-of-00002.arrow")


def edit_manifest(folder: Folder) -> None:
    path = folder.path / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"seed": 7', '"seed": 8'), encoding="utf-8")


def cut_manifest(folder: Folder) -> None:
    path = folder.path / "manifest.json"
    path.write_text(path.read_text("utf-8")[:-100], encoding="utf-8")


def edit_tokenizer(folder: Folder) -> None:
    path = folder.path / "tokenizer.json"
    path.write_text(path.read_text("utf-8") + "\n", encoding="utf-8")


def remove_tokenizer(folder: Folder) -> None:
    (folder.path / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("mutate", "check", "sentence"),
    [
        (flip_byte, "checksums", "train/shard-00000-of-00002.arrow was changed"),
        (remove_shard, "files", "train/shard-00001-of-00002.arrow is missing"),
        (truncate, "checksums", "train/shard-00000-of-00002.arrow was cut off"),
        (empty, "checksums", "train/shard-00000-of-00002.arrow was cut off"),
        (add_shard, "files", "train/shard-00002-of-00002.arrow is not in the manifest"),
        (edit_manifest, "manifest", "manifest.json was edited"),
        (cut_manifest, "manifest", "manifest.json is damaged"),
        (edit_tokenizer, "tokenizer", "tokenizer.json was changed"),
        (remove_tokenizer, "tokenizer", "tokenizer.json cannot be read"),
    ],
)
def test_files(
    folder_of: Callable[[str], Folder],
    capsys: pytest.CaptureFixture[str],
    mutate: Callable[[Folder], None],
    check: str,
    sentence: str,
) -> None:
    folder = folder_of("bert")
    mutate(folder)
    found = problems_of(folder, capsys)
    assert len(found) == 1
    assert found[0][0] == check
    assert found[0][1].startswith(sentence)


def mask_special(rows: Rows) -> None:
    rows[5]["mlm_positions"][0][0] = 0
    rows[5]["mlm_input_ids"][0][0] = MASK


def halve_word(rows: Rows) -> None:
    """Drops the last token of a selected word of two or more."""
    for row in rows:
        starts = set(row["word_starts"])
        for positions, seen in zip(row["mlm_positions"], row["mlm_input_ids"], strict=True):
            for index, position in enumerate(positions):
                if index and position not in starts and positions[index - 1] == position - 1:
                    del positions[index], seen[index]
                    return
    raise AssertionError("no word of two tokens is selected")


def descend(rows: Rows) -> None:
    for column in ("mlm_positions", "mlm_input_ids"):
        rows[5][column][2][:2] = rows[5][column][2][1::-1]


def move_second_segment(rows: Rows) -> None:
    rows[5]["second_segment_start"] += 1


def exceed_budget(rows: Rows) -> None:
    row = rows[5]
    words = np.append(row["word_starts"], len(row["input_ids"]))
    free = [
        int(start)
        for start, following in itertools.pairwise(words)
        if following == start + 1 and start not in row["mlm_positions"][0]
    ]
    positions = [*row["mlm_positions"][0], free[0]]
    seen = [*row["mlm_input_ids"][0], MASK]
    order = np.argsort(positions)
    row["mlm_positions"][0] = [positions[i] for i in order]
    row["mlm_input_ids"][0] = [seen[i] for i in order]


def fall_short_of_budget(rows: Rows) -> None:
    del rows[5]["mlm_positions"][0][0], rows[5]["mlm_input_ids"][0][0]


def change_unselected(rows: Rows) -> None:
    rows[5]["mlm_input_ids"][0].append(77)


def drop_copy(rows: Rows) -> None:
    del rows[5]["mlm_positions"][0], rows[5]["mlm_input_ids"][0]


def select_outside(rows: Rows) -> None:
    rows[5]["mlm_positions"][0][-1] = len(rows[5]["input_ids"])


def lengthen(rows: Rows) -> None:
    rows[5]["input_ids"][1:1] = [50] * 512


def put_special_into_text(rows: Rows) -> None:
    rows[5]["input_ids"][1] = 2


def leave_vocabulary(rows: Rows) -> None:
    rows[5]["input_ids"][1] = 60_000


def show_unknown_id(rows: Rows) -> None:
    rows[5]["mlm_input_ids"][0][0] = 60_000


def begin_word_at_special(rows: Rows) -> None:
    rows[5]["word_starts"].insert(0, 0)


def empty_second_segment(rows: Rows) -> None:
    rows[5]["second_segment_start"] = len(rows[5]["input_ids"]) - 1


def fullest(rows: Rows) -> dict[str, Any]:
    """Returns a row with several windows in its first copy."""
    return max(rows, key=lambda row: len(row["wso_positions"][0]))


def shift_window(rows: Rows) -> None:
    fullest(rows)["wso_positions"][0][0] -= 1


def forget_window(rows: Rows) -> None:
    row = fullest(rows)
    del row["wso_positions"][0][:3], row["wso_input_ids"][0][:3]


def add_window(rows: Rows) -> None:
    row = fullest(rows)
    special = {at for at, token in enumerate(row["input_ids"]) if token in (2, 3)}
    used = {*row["wso_positions"][0], *row["mlm_positions"][0], *special}
    last = range(len(row["input_ids"]) - 3)
    place = next(at for at in last if not used & {at, at + 1, at + 2})
    both = dict(zip(row["wso_positions"][0], row["wso_input_ids"][0], strict=True))
    both |= {at: row["input_ids"][at] for at in range(place, place + 3)}
    row["wso_positions"][0] = sorted(both)
    row["wso_input_ids"][0] = [both[at] for at in sorted(both)]


def replace_in_window(rows: Rows) -> None:
    seen, original = fullest(rows)["wso_input_ids"][0], fullest(rows)["input_ids"]
    seen[0] = next(token for token in original if token not in seen[:3])


def mask_in_window(rows: Rows) -> None:
    """Moves a masked token into a window; only their places tell."""
    row = fullest(rows)
    inside = row["wso_positions"][0][1]
    masks = dict(zip(row["mlm_positions"][0], row["mlm_input_ids"][0], strict=True))
    masks[inside] = masks.pop(row["mlm_positions"][0][0])
    row["mlm_positions"][0] = sorted(masks)
    row["mlm_input_ids"][0] = [masks[at] for at in sorted(masks)]


def call_a_lone_row_a_pair(rows: Rows) -> None:
    next(row for row in rows if row["pair_relation"] == "none")["pair_relation"] = "next"


def hide_second_segment(rows: Rows) -> None:
    row = next(row for row in rows if row["pair_relation"] == "next")
    row["second_segment_start"] = len(row["input_ids"])


def split_a_lone_row(rows: Rows) -> None:
    row = next(row for row in rows if row["pair_relation"] == "none")
    row["second_segment_start"], row["pair_relation"] = 5, "next"


def leave_no_text(rows: Rows) -> None:
    row = next(row for row in rows if row["pair_relation"] == "none")
    row["input_ids"], row["second_segment_start"] = [2, 3], 2


def begin_no_sentence(rows: Rows) -> None:
    """Forgets the first sentence of a document that another one stands before."""
    separated = ((row, row["input_ids"].index(3) + 1) for row in rows)
    row, place = next(
        (row, place) for row, place in separated if place < len(row["input_ids"]) - 1 and place > 2
    )
    row["sentence_starts"].remove(place)


def begin_inside(rows: Rows) -> None:
    """Lets the last word of a row and the first sentence of the next be one sentence."""
    row, after = next(
        pair
        for pair in itertools.pairwise(rows[1:])
        if pair[0]["input_ids"][-2] != 3 and len(pair[1]["sentence_starts"]) > 1
    )
    row["sentence_starts"] = sorted({*row["sentence_starts"], len(row["input_ids"]) - 2})
    del after["sentence_starts"][0]


def repeat_sentence(rows: Rows) -> None:
    rows[0]["sentence_starts"].append(rows[0]["sentence_starts"][-1])


def begin_sentence_at_special(rows: Rows) -> None:
    rows[0]["sentence_starts"].insert(0, 0)


@pytest.mark.parametrize(
    ("name", "mutate", "sentence"),
    [
        ("annotated", begin_no_sentence, "a separator inside the text is followed by no sentence"),
        ("annotated", begin_inside, "a row begins inside a sentence that has room in a row"),
        ("annotated", repeat_sentence, "sentence_starts are not ascending and disjoint"),
        ("annotated", begin_sentence_at_special, "a special token is among the sentences"),
        ("annotated", begin_word_at_special, "a special token is a word start"),
        ("structbert", shift_window, "a trigram is not of three neighbouring tokens"),
        ("structbert", forget_window, "a copy has too few trigrams, and room for one more"),
        ("structbert", add_window, "a copy has more trigrams than its rate asks for"),
        ("structbert", replace_in_window, "a trigram does not hold its own tokens"),
        ("structbert", mask_in_window, "a trigram has a token that another corruption selects"),
        ("bert", mask_special, "a special token is selected"),
        ("bert-wwm", mask_special, "a special token is selected"),
        ("bert-wwm", halve_word, "a word is selected in part"),
        ("roberta-wwm-ext", halve_word, "a word is selected in part"),
        ("bert", descend, "selected positions do not ascend"),
        ("roberta", descend, "selected positions do not ascend"),
        ("bert", move_second_segment, "no separator stands before second_segment_start"),
        ("roberta", move_second_segment, "second_segment_start is not the length"),
        ("bert", empty_second_segment, "a segment is empty"),
        ("bert-wwm", exceed_budget, "a copy selects more tokens than its budget"),
        ("bert", fall_short_of_budget, "a copy selects another number of tokens"),
        ("bert", change_unselected, "mlm_positions and mlm_input_ids differ in length"),
        ("bert", drop_copy, "a row has another number of copies"),
        ("bert", select_outside, "a selected position lies outside its row"),
        ("roberta", lengthen, "a row is longer than max_seq_length"),
        ("bert", put_special_into_text, "a special token stands inside the text"),
        ("bert", leave_vocabulary, "an id is not in the vocabulary"),
        ("roberta", show_unknown_id, "a token was replaced by one that is never drawn"),
        ("bert-wwm", begin_word_at_special, "a special token is a word start"),
        ("electra", call_a_lone_row_a_pair, 'pair_relation is "none" elsewhere than in rows'),
        ("electra", hide_second_segment, 'pair_relation is "none" elsewhere than in rows'),
        ("electra", hide_second_segment, "a special token stands inside the text"),
        ("electra", split_a_lone_row, "no separator stands before second_segment_start"),
        ("electra", leave_no_text, "a segment is empty"),
        ("electra", lengthen, "a row is longer than max_seq_length"),
        ("electra", put_special_into_text, "a special token stands inside the text"),
    ],
)
def test_invariants(
    folder_of: Callable[[str], Folder],
    capsys: pytest.CaptureFixture[str],
    name: str,
    mutate: Callable[[Rows], None],
    sentence: str,
) -> None:
    """The manifest is sealed again each time, so only the rows can tell."""
    folder = folder_of(name)
    folder.change_rows(mutate)
    found = problems_of(folder, capsys, "--no-replay")
    beginning = f"train/shard-00000-of-00002.arrow: {sentence}"
    assert [text for _, text in found if text.startswith(beginning)]
    assert all("first row" in text for check, text in found if check == "invariants")


def relabel(rows: Rows) -> None:
    random = [row for row in rows if row["pair_relation"] == "random"]
    for row in random[: len(random) * 3 // 4]:
        row["pair_relation"] = "next"


def keep_more(rows: Rows) -> None:
    """Every tenth masked token is kept: 72 % are masked, not 80 %."""
    masked = 0
    for row in rows:
        for positions, seen in zip(row["mlm_positions"], row["mlm_input_ids"], strict=True):
            for index, position in enumerate(positions):
                masked += seen[index] == MASK
                if seen[index] == MASK and masked % 10 == 0:
                    seen[index] = row["input_ids"][position]


def draw_from_half(rows: Rows) -> None:
    """Random tokens come from the lower half of the vocabulary only."""
    for row in rows:
        for positions, seen in zip(row["mlm_positions"], row["mlm_input_ids"], strict=True):
            for index, position in enumerate(positions):
                if seen[index] not in (MASK, row["input_ids"][position]):
                    seen[index] = 5 + seen[index] % 240


def repeat_copies(rows: Rows) -> None:
    for row in rows:
        for column in ("mlm_positions", "mlm_input_ids"):
            row[column] = row[column][:1] * len(row[column])


def select_the_beginning(rows: Rows) -> None:
    for row in rows:
        last = len(row["input_ids"]) - 1
        text = [p for p in range(1, last) if p != row["second_segment_start"] - 1]
        for number, positions in enumerate(row["mlm_positions"]):
            begin = min(number, len(text) - len(positions))
            row["mlm_positions"][number] = text[begin : begin + len(positions)]


def spare_special(rows: Rows) -> None:
    """Moves masks from separators to the first free tokens of the text."""
    for row in rows:
        special = {p for p, token in enumerate(row["input_ids"]) if token in (2, 3)}
        for positions, seen in zip(row["mlm_positions"], row["mlm_input_ids"], strict=True):
            free = (p for p in range(len(row["input_ids"])) if p not in {*positions, *special})
            shown = {
                next(free) if token == MASK and p in special else p: token
                for p, token in list(zip(positions, seen, strict=True))
            }
            positions[:] = sorted(shown)
            seen[:] = [shown[p] for p in positions]


def leave_in_order(rows: Rows) -> None:
    """Every fifth window is left as it is."""
    for number, row in enumerate(rows):
        for positions, seen in zip(row["wso_positions"], row["wso_input_ids"], strict=True):
            begin = 3 * (number % 5)
            seen[begin : begin + 3] = [row["input_ids"][at] for at in positions[begin : begin + 3]]


def windows_in_front(rows: Rows) -> None:
    """The windows of a row begin as early as they can."""
    for row in rows:
        length = len(row["input_ids"])
        special = {at for at, token in enumerate(row["input_ids"]) if token in (2, 3)}
        for copy, positions in enumerate(row["wso_positions"]):
            used, moved = {*row["mlm_positions"][copy], *special}, []
            for at in range(length - 2):
                if len(moved) < len(positions) and not used & {at, at + 1, at + 2}:
                    moved += [at, at + 1, at + 2]
                    used |= {at, at + 1, at + 2}
            row["wso_positions"][copy] = moved
            row["wso_input_ids"][copy] = [row["input_ids"][at] for at in moved]


@pytest.mark.parametrize(
    ("name", "mutate", "sentence"),
    [
        ("structbert", leave_in_order, "wso: every order of three tokens is as likely"),
        ("structbert", windows_in_front, "wso: trigrams are everywhere in a row alike"),
        ("roberta", spare_special, "special tokens are selected as often as others"),
        ("bert", relabel, "the pairs that were drawn are those of the rows"),
        ("bert", keep_more, "selected tokens become the mask token"),
        ("bert-wwm", keep_more, "selected tokens are kept"),
        ("roberta", draw_from_half, "random tokens are drawn evenly"),
        ("bert", repeat_copies, "two copies of a row are equal"),
        ("bert-wwm", repeat_copies, "copies have as much in common as chance gives"),
        ("bert", select_the_beginning, "all parts of a row are selected alike"),
    ],
)
def test_oracles(
    folder_of: Callable[[str], Folder],
    capsys: pytest.CaptureFixture[str],
    name: str,
    mutate: Callable[[Rows], None],
    sentence: str,
) -> None:
    folder = folder_of(name)
    folder.change_rows(mutate, 0)
    folder.change_rows(mutate, 1)
    found = problems_of(folder, capsys, "--no-replay")
    assert {check for check, _ in found} == {"oracles"}
    assert [text for _, text in found if text.startswith(f"train: {sentence}")]


@pytest.mark.parametrize(
    ("name", "relation", "sentence"),
    [
        ("bert", "random", "pairs of several sentences are next as often as drawn"),
        ("albert", "swapped", "pairs of several sentences are in_order as often as drawn"),
        ("structbert", "random", "pairs of several sentences have each relation as often"),
        ("ernie2-distance", "random", "pairs of several sentences have each relation as often"),
        ("ernie2-reordering", "1:0", "pairs of most 3 parts have each relation as often"),
    ],
)
def test_all_pairs_of_one_relation(
    folder_of: Callable[[str], Folder],
    capsys: pytest.CaptureFixture[str],
    name: str,
    relation: str,
    sentence: str,
) -> None:
    """The counts of what was drawn go with the rows, so only the rates can tell."""
    folder = folder_of(name)

    def make_alike(rows: Rows) -> None:
        for row in rows:
            row["pair_relation"] = relation

    for number in (0, 1):
        entry = folder.manifest["splits"]["train"]["shards"][number]
        drawn: dict[str, int] = {}
        for key, count in entry["drawn"].items():
            both = f"{key.rpartition('.')[0]}.{relation}"
            drawn[both] = drawn.get(both, 0) + count
        entry["drawn"] = drawn
        folder.change_rows(make_alike, number)
    found = problems_of(folder, capsys, "--no-replay")
    assert [text for _, text in found if text.startswith(f"train: {sentence}")]


def show_another_id(rows: Rows) -> None:
    row = rows[5]
    original = row["input_ids"][row["mlm_positions"][1][0]]
    row["mlm_input_ids"][1][0] = 100 if original != 100 else 101


def test_replay_finds_a_single_id(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("bert")
    folder.change_rows(show_another_id)
    assert not problems_of(folder, capsys, "--no-replay")
    assert problems_of(folder, capsys) == [
        (
            "replay",
            "train/shard-00000-of-00002.arrow: mlm_input_ids is not what the seed gives, "
            "first in row 5",
        )
    ]


def change_seed(rows: Rows) -> None:
    rows[5]["noise_seed"] ^= 1


@pytest.mark.parametrize("name", ["mass", "prophetnet", "ernie-gen"])
def test_replay_finds_another_seed_of_a_row(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = folder_of(name)
    folder.change_rows(change_seed)
    sentence = "noise_seed is not what the seed gives, first in row 5"
    found = [text for check, text in problems_of(folder, capsys) if check == "replay"]
    assert found == [f"train/shard-00000-of-00002.arrow: {sentence}"]


def test_replay_finds_another_count_of_what_was_drawn(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("bart")
    drawn = folder.manifest["splits"]["train"]["shards"][0]["drawn"]
    counted = drawn["infilling.drawn_single"]
    drawn["infilling.drawn_single"] += 1
    folder.seal()
    assert not problems_of(folder, capsys, "--no-replay")
    assert problems_of(folder, capsys) == [
        (
            "replay",
            f"train/shard-00000-of-00002.arrow: the seed gives {counted} for the count "
            f"infilling.drawn_single, the manifest says {counted + 1}",
        )
    ]


def test_lengths_that_were_drawn_by_another_law_are_found(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice as many lengths are 0, and for none of the others there was room."""
    folder = folder_of("bart")
    for entry in folder.manifest["splits"]["train"]["shards"]:
        empty = entry["drawn"]["infilling.drawn_empty"]
        entry["drawn"]["infilling.drawn_empty"] += empty
        entry["drawn"]["infilling.drawn_no_room"] += empty
    folder.seal()
    [(check, found)] = problems_of(folder, capsys, "--no-replay")
    assert check == "oracles"
    assert found.startswith("train: lengths of 0 are drawn at the rate")


def test_replay_is_skipped_under_another_numpy(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("bert")
    folder.manifest["software"]["numpy"] = "1.26.0"
    folder.seal()
    verdict = verdict_of(folder, capsys)
    assert verdict["ok"]
    assert verdict["skipped"]["replay"].startswith("built with NumPy 1.26.0")


@pytest.mark.parametrize(
    ("field", "check"),
    [("rows", "counts"), ("tokens", "counts"), ("max_length", "counts"), ("mask", "statistics")],
)
def test_sealed_numbers_are_counted_again(
    folder_of: Callable[[str], Folder],
    capsys: pytest.CaptureFixture[str],
    field: str,
    check: str,
) -> None:
    folder = folder_of("bert")
    entry = folder.manifest["splits"]["train"]["shards"][1]
    if field == "mask":
        entry["statistics"]["mask.masked"] += 1
    else:
        entry[field] += 1
    folder.seal()
    found = problems_of(folder, capsys)
    assert [each[0] for each in found] == [check]
    assert found[0][1].startswith("train/shard-00001-of-00002.arrow")


def test_totals_must_add_up(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("bert")
    folder.manifest["splits"]["train"]["rows"] += 1
    folder.manifest["statistics"]["train"]["mask.masked"] += 1
    (folder.path / "manifest.json").write_text(seal(folder.manifest), encoding="utf-8")
    found = problems_of(folder, capsys)
    assert [each[0] for each in found] == ["manifest", "manifest"]
    assert "rows, the total is" in found[0][1]
    assert "not the sum" in found[1][1]


def test_a_column_of_another_type(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("bert")
    with pa.ipc.open_file(str(folder.shard())) as file:
        table = file.read_all()
    wide = table["second_segment_start"].cast(pa.int64())
    table = table.set_column(1, pa.field("second_segment_start", pa.int64(), nullable=False), wide)
    with pa.ipc.new_file(str(folder.shard()), table.schema) as writer:
        writer.write_table(table)
    reseal_file(folder)
    assert problems_of(folder, capsys) == [
        (
            "schema",
            "train/shard-00000-of-00002.arrow: column second_segment_start is int64, "
            "the recipe's is uint16",
        )
    ]


def test_a_file_that_is_not_arrow(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("bert")
    folder.shard().write_bytes(b"not an Arrow file")
    reseal_file(folder)
    found = problems_of(folder, capsys)
    assert [each[0] for each in found] == ["schema"]
    assert "it is not a valid Arrow file" in found[0][1]


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_compressed_file(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str], codec: str
) -> None:
    folder = folder_of("bert")
    with pa.ipc.open_file(str(folder.shard())) as file:
        table = file.read_all()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_file(str(folder.shard()), table.schema, options=options) as writer:
        writer.write_table(table)
    reseal_file(folder)
    [(check, sentence)] = problems_of(folder, capsys)
    assert check == "schema"
    assert "it is compressed" in sentence


def test_an_unknown_relation_is_told(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the rows are laid out again to be examined."""
    folder = folder_of("ernie1-dlm")
    with pa.ipc.open_file(str(folder.shard())) as file:
        table = file.read_all()
    names = pa.array(["fake", "unheard of"])
    relation = table["pair_relation"].combine_chunks()
    codes = relation.indices
    odd = pa.DictionaryArray.from_arrays(codes, names)
    field = table.schema.field("pair_relation")
    table = table.set_column(table.schema.get_field_index("pair_relation"), field, odd)
    with pa.ipc.new_file(str(folder.shard()), table.schema) as writer:
        writer.write_table(table)
    reseal_file(folder)
    told = "a pair has a relation that the recipe does not know"
    assert any(told in sentence for _, sentence in problems_of(folder, capsys))


def reseal_file(folder: Folder) -> None:
    """Puts size and checksum of the first shard, as it is now, into the manifest."""
    content = folder.shard().read_bytes()
    entry = folder.manifest["splits"]["train"]["shards"][0]
    entry.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    folder.seal()


def test_usage_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "holds no manifest.json" in capsys.readouterr().err
    assert main([str(tmp_path), "--replay-twice"]) == 2
    assert "--replay-twice" in capsys.readouterr().err


def test_the_table_names_what_is_wrong(
    folder_of: Callable[[str], Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("bert")
    folder.change_rows(mask_special)
    assert main([str(folder.path), "--no-replay"]) == 1
    printed = capsys.readouterr().out
    assert "invariants  1 wrong" in printed
    assert "replay      skipped" in printed
    assert "first row 5" in printed
