import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from pipelines.inspect import main
from pipelines.report.rows import evenly_spaced
from tests.oracles.batches import names_of
from tests.support.sample_builds import (
    RECIPES,
    copy_of,
    corpus,
    manifest_of,
    shard_paths,
    stored_rows,
)
from transforms.objectives import OBJECTIVES
from transforms.text.token_text import TokenText

Captured = pytest.CaptureFixture[str]


def rows_of(capsys: Captured, folder: Path, *options: str) -> list[dict[str, Any]]:
    assert main([str(folder), "--json", *options]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def names(folder: Path) -> dict[str, str]:
    tokens: dict[str, str] = manifest_of(folder)["tokenizer"]["special_tokens"]
    return tokens


@pytest.mark.parametrize("recipe", RECIPES)
def test_rows_are_those_that_are_stored(recipe: str, capsys: Captured) -> None:
    folder = corpus(recipe)
    stored = stored_rows(shard_paths(folder)[1])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    shown = rows_of(capsys, folder, "--shard", "1", "--row", "2", "--rows", "5")
    assert [row["row"] for row in shown] == [2, 3, 4, 5, 6]
    for row in shown:
        was = stored[row["row"]]
        second, length = was["second_segment_start"], len(was["input_ids"])
        assert row["ids"] == was["input_ids"]
        assert row["tokens"] == [tokenizer.id_to_token(i) for i in was["input_ids"]]
        assert row["relation"] == was.get("pair_relation")
        borders = {0, second, length}
        if recipe == "xlnet":
            borders |= {row["reuse_len"]}
            assert row["reuse_len"] == length // 2
        if recipe == "ernie1-dlm":
            separators = (at for at, i in enumerate(was["input_ids"]) if i == was["input_ids"][-1])
            borders |= {at + 1 for at in separators}
        assert row["segments"] == [list(pair) for pair in itertools.pairwise(sorted(borders))]
        found = [(s["copy"], s["corruption"], s["position"], s["seen"]) for s in row["selected"]]
        assert found == [
            (copy, name, position, tokenizer.id_to_token(seen))
            for copy in range(3)
            for name in (names_of(OBJECTIVES[recipe]) if "mlm_positions" in was else ())
            for position, seen in zip(
                was[f"{name}_positions"][copy], was[f"{name}_input_ids"][copy], strict=True
            )
        ]


@pytest.mark.parametrize(
    "recipe",
    [name for name in RECIPES if OBJECTIVES[name].stored and name != "xlnet"],
)
def test_what_happened_to_a_token_is_named(recipe: str, capsys: Captured) -> None:
    folder = corpus(recipe)
    mask = names(folder)["mask"]
    kinds = set()
    for row in rows_of(capsys, folder, "--rows", "8"):
        for each in row["selected"]:
            assert each["original"] == row["tokens"][each["position"]]
            expected = {mask: "masked", each["original"]: "kept"}.get(each["seen"], "random")
            assert each["kind"] == ("shuffled" if each["corruption"] == "wso" else expected)
            kinds.add(each["kind"])
    assert "masked" in kinds


def test_the_stage_of_a_copy_is_named(capsys: Captured) -> None:
    folder = corpus("ernie1")
    assert rows_of(capsys, folder)[0]["stages"] == ["basic", "phrase", "entity"]
    assert rows_of(capsys, corpus("bert"))[0]["stages"] == []
    assert main([str(folder), "--copy", "2"]) == 0
    assert "copy 2 of 0-2 (entity)" in " ".join(capsys.readouterr().out.split())


def test_words_are_ranges_from_start_to_start_without_special_tokens(capsys: Captured) -> None:
    folder = corpus("bert-wwm")
    for row in rows_of(capsys, folder, "--rows", "8", "--copy", "0"):
        covered = [position for begin, end in row["words"] for position in range(begin, end)]
        assert sorted([*covered, *row["special"]]) == list(range(len(row["ids"])))
        special = set(names(folder).values()) - {"[UNK]"}
        assert {row["tokens"][position] for position in row["special"]} <= special


@pytest.mark.parametrize(("recipe", "model"), [("roberta", "bpe"), ("bert-wwm", "unigram")])
def test_pieces_join_to_the_text(recipe: str, model: str, capsys: Captured) -> None:
    folder = corpus(recipe, model)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    special = set(names(folder).values())
    compared = 0
    for row in rows_of(capsys, folder, "--rows", "8"):
        begin, end = row["segments"][-1]
        inside = [p for p in range(begin, end) if row["tokens"][p] not in special]
        # Up to the next special token: what follows it loses its space.
        last = next((p for p in range(inside[0], end) if p in row["special"]), end)
        text = "".join(row["pieces"][inside[0] : last])
        if "\\x" not in text:
            decoded = tokenizer.decode(row["ids"][inside[0] : last], skip_special_tokens=False)
            assert text.strip() == decoded.strip()
            compared += 1
    assert compared > 0


def test_one_copy_can_be_chosen(capsys: Captured) -> None:
    [row] = rows_of(capsys, corpus("bert"), "--row", "0", "--copy", "2")
    assert {each["copy"] for each in row["selected"]} == {2}
    assert row["copies"] == 3


def test_without_colours_every_selected_token_is_marked(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    folder = corpus("bert-wwm")
    rows = rows_of(capsys, folder, "--rows", "6", "--copy", "0")
    assert main([str(folder), "--rows", "6"]) == 0
    *shown, legend = capsys.readouterr().out.strip().splitlines()
    kinds = [each["kind"] for row in rows for each in row["selected"]]
    text = "\n".join(shown)
    assert text.count("‹") == text.count("›") == len(kinds)
    assert text.count("=›") == kinds.count("kept")
    assert text.count("→") == kinds.count("random")
    assert "masked" in legend
    assert "between whole words" in legend
    assert "shuffled" not in legend


def test_shuffled_windows_have_a_mark_of_their_own(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    folder = corpus("structbert")
    rows = rows_of(capsys, folder, "--rows", "6", "--copy", "0")
    assert main([str(folder), "--rows", "6"]) == 0
    *shown, legend = capsys.readouterr().out.strip().splitlines()
    text, kinds = "\n".join(shown), [each["kind"] for row in rows for each in row["selected"]]
    moved = kinds.count("shuffled")
    assert moved > 0
    assert text.count("«") == text.count("⇄") == text.count("»") == moved
    assert text.count("‹") == len(kinds) - moved
    assert "y is seen instead of x, in a shuffled trigram" in legend
    headings = [line for line in shown if " tokens · B is " in line]
    assert len(headings) == 6
    for row, heading in zip(rows, headings, strict=True):
        told = sum(each["kind"] == "shuffled" for each in row["selected"])
        assert f"B is {row['relation']} · " in heading
        assert (f"{told} shuffled" in heading) == (told > 0)


def test_a_row_without_segment_b_tells_no_relation(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    folder = corpus("electra")
    rows = rows_of(capsys, folder, "--rows", "40")
    assert main([str(folder), "--rows", "40"]) == 0
    headings = [line for line in capsys.readouterr().out.splitlines() if " tokens · " in line]
    told = ["B is next" if row["relation"] == "next" else "tokens · no masks" for row in rows]
    assert len(set(told)) == 2
    assert [part in line for part, line in zip(told, headings, strict=True)] == [True] * len(rows)


def test_the_row_a_person_sees_is_readable(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    assert main([str(corpus("bert-wwm")), "--row", "0"]) == 0
    heading, first, second, *_ = capsys.readouterr().out.splitlines()
    assert heading.startswith("train/shard-00000-of-00002.arrow row 0 · ")
    assert first.startswith("A [CLS] ")
    assert second.startswith("B ")
    assert "##" not in first + second


@pytest.mark.parametrize(
    ("tokens", "pieces"),
    [
        (["mask", "##ing", "words", "."], ["mask", "ing", " words", "."]),
        (["中", "国", "tidb", "5", ",", "x"], ["中", "国", "tidb", " 5", ",", " x"]),
        (["(", "a", ")", "b", "%"], ["(", "a", ")", " b", "%"]),
    ],
)
def test_word_pieces_are_joined(tokens: list[str], pieces: list[str]) -> None:
    assert TokenText("pieces", "##").pieces(tokens, [False] * len(tokens)) == pieces


def test_special_tokens_stay_as_they_are() -> None:
    tokens, special = ["[CLS]", "a", "b", "[SEP]", "c"], [True, False, False, True, False]
    assert TokenText("pieces", "##").pieces(tokens, special) == ["[CLS]", "a", " b", "[SEP]", "c"]


def test_byte_level_tokens_are_decoded() -> None:
    tokens = ["The", "Ġend", "âĢĻ", "s", "Ġä¸Ń", "ä¸"]
    pieces = ["The", " end", "’", "s", " 中", "\\xe4\\xb8"]
    assert TokenText("byte_level").pieces(tokens, [False] * 6) == pieces


def test_metaspace_is_a_space() -> None:
    tokens = ["▁The", "▁end", "中文", "▁"]
    assert TokenText("metaspace").pieces(tokens, [False] * 4) == ["The", " end", "中文", " "]
    assert TokenText("metaspace").piece("▁") == "▁"


def test_rows_are_spread_over_a_shard() -> None:
    assert evenly_spaced(100, 4) == [12, 37, 62, 87]
    assert evenly_spaced(3, 5) == [0, 1, 2]
    assert evenly_spaced(0, 5) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shard", "2"], "has shards 0 to 1"),
        (["--shard", "-1"], "--shard: must be a whole number of at least 0"),
        (["--row", "100000"], "has rows 0 to "),
        (["--row", "-1"], "--row: must be a whole number of at least 0"),
        (["--rows", "0"], "--rows: must be a whole number of at least 1, got '0'"),
        (["--copy", "3"], "there are copies 0 to 2"),
        (["--split", "test"], "it has train and eval"),
        (["--rows", "x"], "--help"),
    ],
)
def test_what_is_not_there_is_told(options: list[str], said: str, capsys: Captured) -> None:
    assert main([str(corpus("bert")), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_a_build_is_told(tmp_path: Path, capsys: Captured) -> None:
    assert main([str(tmp_path)]) == 2
    assert "holds no manifest.json" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_shard_is_told(damage: str, tmp_path: Path, capsys: Captured) -> None:
    folder = copy_of("bert", tmp_path / "copy")
    shard = shard_paths(folder)[0]
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:1000])
    assert main([str(folder)]) == 1
    assert "shardmill verify" in capsys.readouterr().err


def test_the_report_page_is_written(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "page.html"
    assert main([str(corpus("bert")), "--html", str(path)]) == 0
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert main([str(corpus("bert")), "--html", str(path)]) == 0
    assert main([str(corpus("bert")), "--html", str(path / "x.html")]) == 2
    path.write_text("<!doctype html>mine")
    assert main([str(corpus("bert")), "--html", str(path)]) == 2
    assert path.read_text() == "<!doctype html>mine"
    assert "cannot be written" in capsys.readouterr().err


def test_only_selected_tokens_are_coloured(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    folder = corpus("bert")
    [row] = rows_of(capsys, folder, "--row", "0", "--copy", "0")
    assert main([str(folder), "--row", "0"]) == 0
    _, *segments, _, _ = capsys.readouterr().out.splitlines()
    styled = re.findall("\x1b\\[[0-9;]+m(.+?)\x1b\\[0m", "\n".join(segments))
    bare = [text for text in styled if "‹" not in text]
    assert sum("‹" in text for text in styled) == len(row["selected"])
    assert set(bare) == {"A ", "B ", "[CLS]", "[SEP]"}


def test_documents_and_predictions_are_told(capsys: Captured) -> None:
    folder = corpus("transformer-xl")
    stored = stored_rows(shard_paths(folder)[0])
    for row in rows_of(capsys, folder, "--row", "0", "--rows", "20"):
        was = stored[row["row"]]
        assert row["documents"] == was["document_starts"]
        assert row["predicted"] == list(range(1, len(was["input_ids"])))
        assert row["stream"] == was["stream"] == 0
        assert row["continues"] == (row["row"] > 0)
        assert row["order"] is None


def test_borders_of_documents_are_shown(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    folder = corpus("transformer-xl")
    stored = stored_rows(shard_paths(folder)[0])
    number = next(at for at, row in enumerate(stored) if [*row["document_starts"], 0][0] > 1)
    assert main([str(folder), "--row", str(number)]) == 0
    heading, *parts, _, legend = capsys.readouterr().out.splitlines()
    begins = len(stored[number]["document_starts"])
    assert f"stream 0, goes on where the row before ended · {begins} document" in heading
    assert f" {len(stored[number]['input_ids']) - 1} tokens predicted" in heading
    assert "masks" not in heading
    assert [part.split(" ")[0] for part in parts] == ["goes", *["document"] * begins]
    assert parts[0].startswith("goes on ⟨")
    assert parts[0].rstrip().endswith("<|endoftext|>")
    assert "".join(parts).count("⟨") == 1
    assert "⟨x⟩ is an input alone" in legend


def test_words_of_both_directions_are_told(capsys: Captured) -> None:
    folder = corpus("elmo")
    last = len(stored_rows(shard_paths(folder)[0])) - 1
    for number, marker in ((0, "<s>"), (last, "</s>")):
        assert main([str(folder), "--row", str(number)]) == 0
        heading, _, *text = " ".join(capsys.readouterr().out.split()).partition("predicted")
        assert ("reversed" in heading) == (number == last)
        assert "documents" not in heading
        assert heading.endswith("20 tokens ")
        assert marker in text[0]


def test_orders_are_told(capsys: Captured) -> None:
    folder = corpus("xlnet")
    stored = stored_rows(shard_paths(folder)[0])
    directions = set()
    for row in rows_of(capsys, folder, "--rows", "6"):
        was = stored[row["row"]]
        length, second = len(was["input_ids"]), was["second_segment_start"]
        special = {second - 1, length - 2, length - 1}
        assert [
            (each["copy"], each["position"], each["rank"], each["half"], each["target"])
            for each in row["order"]
        ] == [
            (copy, position, rank, int(position >= length // 2), position not in special)
            for copy in range(3)
            for position, rank in zip(
                was["plm_positions"][copy], was["plm_ranks"][copy], strict=True
            )
        ]
        assert row["backward"] == was["reversed"]
        assert row["selected"] == []
        directions.add(row["backward"])
        # Words cover the text, whichever way it stands.
        covered = [position for begin, end in row["words"] for position in range(begin, end)]
        starts = [end - 1 if row["backward"] else begin for begin, end in row["words"]]
        assert sorted(starts) == was["word_starts"]
        assert len(covered) == len({*covered}) > 0.9 * length
    assert directions == {False, True}


def test_a_target_sees_what_comes_before_it(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    folder = corpus("xlnet")
    [row] = rows_of(capsys, folder, "--row", "1", "--copy", "1", "--target", "3")
    targets = [each for each in row["order"] if each["target"]]
    assert {each["copy"] for each in row["order"]} == {1}
    assert (row["target"], row["target"] in row["visible"]) == (targets[3]["position"], False)
    seen = [each for each in row["order"] if each["position"] in row["visible"]]
    assert len(seen) == targets[3]["rank"]
    assert all(each["rank"] < targets[3]["rank"] for each in seen)
    assert main([str(folder), "--row", "1", "--copy", "1", "--target", "3"]) == 0
    heading, inp, first, second, _, legend = capsys.readouterr().out.splitlines()
    assert f"{len(targets)} targets: " in heading
    assert [part.split(" ")[0] for part in (inp, first, second)] == ["inp", "A", "B"]
    assert inp.count("‹") == inp.count("?›") == 1
    # The first half sees nothing of the second.
    assert not {*first[1:]} - set(" ▒|")
    assert "▒ hidden from it" in legend
    assert main([str(folder), "--row", "1", "--copy", "1"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("‹") == len(targets) + 1
    assert "¹" in shown


@pytest.mark.parametrize(
    ("recipe", "number", "said"),
    [
        ("xlnet", "5000", "--target 5000: row 0 has targets 0 to "),
        ("bert", "0", "store no order of prediction; a recipe such as xlnet does"),
        ("xlnet", "-1", "--target: must be a whole number of at least 0"),
    ],
)
def test_a_target_that_is_not_there_is_told(
    recipe: str, number: str, said: str, capsys: Captured
) -> None:
    assert main([str(corpus(recipe)), "--row", "0", "--target", number]) == 2
    assert said in capsys.readouterr().err
