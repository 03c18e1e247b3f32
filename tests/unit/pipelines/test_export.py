import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.exporting.command import main
from pipelines.folder.corpus import open_corpus
from pipelines.verify import main as verify
from schemas.sealed import sealed_json
from tests.oracles.batches import types_of
from tests.oracles.edits import stored_edits, wanted_sequences
from tests.support.sample_builds import (
    FREQUENT,
    RECIPES,
    copies_in,
    copy_of,
    corpus,
    manifest_of,
    shard_paths,
    stored_rows,
)
from transforms.objectives import OBJECTIVES
from transforms.text.marker_lists import CHINESE, ENGLISH

NEXT = "next_sentence_label", {"next": 0, "random": 1}
ORDER = "sentence_order_label", {"in_order": 0, "swapped": 1, "random": -100}
FOLLOWS = "next_sentence_label", {"next": 1, "random": 0}
REAL = "next_sentence_label", {"fake": 0, "real": 1}
STRUCTURE = "sentence_structure_label", {"random": 0, "next": 1, "previous": 2}
DISTANCE = "sentence_distance_label", {"adjacent": 0, "same_document": 1, "random": 2}
PARTS = ("1:0", "2:0-1", "2:1-0", "3:0-1-2", "3:0-2-1", "3:1-0-2", "3:1-2-0", "3:2-0-1", "3:2-1-0")
REORDERING = "part_order_label", {name: label for label, name in enumerate(PARTS)}
MARKERS = (*ENGLISH, *CHINESE, *FREQUENT)
DISCOURSE = "discourse_label", {name: label for label, name in enumerate(MARKERS)}
RELEVANCE = "relevance_label", {"clicked": 0, "shown": 1, "random": 2}
PAIR_LABELS = {
    "bert": NEXT,
    "ernie-thu": NEXT,
    "bert-wwm": NEXT,
    "albert": ORDER,
    "span-sop": ORDER,
    "structbert": STRUCTURE,
    "ernie1": FOLLOWS,
    "ernie1-dlm": REAL,
    "ernie2-discourse": DISCOURSE,
    "ernie2-distance": DISTANCE,
    "ernie2-relevance": RELEVANCE,
    "ernie2-reordering": REORDERING,
    "unilm": NEXT,
}
"""Column and labels of the recipes that have pairs."""
TOKEN_LABELS = {"ernie2-capitals": "capitals", "ernie2-document": "elsewhere"}
"""Where the recipes that label tokens keep the labels; `SPECIAL` ones have none."""
SPECIAL = {2, 3}
Captured = pytest.CaptureFixture[str]


def export(folder: Path, output: Path, *options: str, to: str = "parquet") -> int:
    return main([str(folder), "--to", to, "--output", str(output), *options])


def causal_rows(path: Path) -> list[dict[str, Any]]:
    """Takes every token but a row's first to be predicted from the one before."""
    return [
        {
            "input_ids": row["input_ids"],
            "attention_mask": [1] * len(row["input_ids"]),
            "labels": [-100, *row["input_ids"][1:]],
        }
        for row in stored_rows(path)
    ]


def next_word_rows(path: Path) -> list[dict[str, Any]]:
    """Where a sentence begins, the marker that the one before ends with is predicted: 0 or 1."""
    other = {0: 1, 1: 0}
    return [
        {
            **row,
            "labels": [-100, *(other.get(each, each) for each in row["input_ids"][1:])],
            "stream": stored["stream"],
            "reversed": stored["reversed"],
        }
        for row, stored in zip(causal_rows(path), stored_rows(path), strict=True)
    ]


def permuted_rows(path: Path, copies: int) -> list[dict[str, Any]]:
    """Tells special tokens of XLNet's layout by where they stand: behind A, B, and at the end."""
    rows = []
    for copy, row in itertools.product(range(copies), stored_rows(path)):
        ids, second = row["input_ids"], row["second_segment_start"]
        special = {second - 1, len(ids) - 2, len(ids) - 1}
        placed = zip(row["plm_positions"][copy], row["plm_ranks"][copy], strict=True)
        ranks = dict(placed)
        assert special <= set(ranks)
        rows.append(
            {
                "input_ids": ids,
                "token_type_ids": [0] * second + [1] * (len(ids) - 1 - second) + [2],
                "attention_mask": [1] * len(ids),
                "labels": [
                    token if at in ranks and at not in special else -100
                    for at, token in enumerate(ids)
                ],
                "perm_ranks": [ranks.get(at, -1) for at in range(len(ids))],
                "special_tokens_mask": [int(at in special) for at in range(len(ids))],
            }
        )
    return rows


def expected_rows(path: Path, copies: int, recipe: str) -> list[dict[str, Any]]:
    """Lays masks over rows one by one: all rows with copy 0, then with copy 1, ..."""
    rows = []
    for copy in range(copies):
        for stored in stored_rows(path):
            ids = list(stored["input_ids"])
            labels = [-100] * len(ids)
            masked = "mlm_positions" in stored
            # What is contrasted is not predicted from the vocabulary.
            for name in ("mlm", "wso"):
                if f"{name}_positions" not in stored:
                    continue
                for position, seen in zip(
                    stored[f"{name}_positions"][copy],
                    stored[f"{name}_input_ids"][copy],
                    strict=True,
                ):
                    labels[position] = stored["input_ids"][position]
                    ids[position] = seen
            row = {
                "input_ids": ids,
                "token_type_ids": types_of(stored, OBJECTIVES[recipe].pair),
                "attention_mask": [1] * len(ids),
                **({"labels": labels} if masked else {}),
            }
            if recipe in PAIR_LABELS:
                name, numbers = PAIR_LABELS[recipe]
                row[name] = numbers[stored["pair_relation"]]
            if recipe in TOKEN_LABELS:
                name = TOKEN_LABELS[recipe]
                row[f"{name}_labels"] = [
                    -100 if token in SPECIAL else int(position in stored[name])
                    for position, token in enumerate(stored["input_ids"])
                ]
            if recipe == "ernie-thu":
                named = dict(zip(stored["entity_positions"], stored["entity_ids"], strict=True))
                row["entity_ids_labels"] = [named.get(at, -100) for at in range(len(ids))]
            rows.append(row)
    return rows


def sequence_rows(path: Path, copies: int, recipe: str) -> list[dict[str, Any]]:
    """Returns sources and targets, and of recipes with positions of their own these."""
    opened = open_corpus(str(corpus(recipe)))
    rows = []
    for copy in range(copies):
        for stored in stored_rows(path):
            source, target, given = wanted_sequences(stored, copy, opened.recipe, opened.vocabulary)
            row = {"input_ids": source, "attention_mask": [1] * len(source), "labels": target}
            if recipe in {"mass", "prophetnet", "ernie-gen"}:
                spans = stored_edits(stored, copy, opened.recipe)
                places = [at for start, end, _ in spans for at in range(start, end)]
                # Of the token before in the row, or of the one that was generated before.
                places = [0, *places] if recipe == "ernie-gen" else [at - 1 for at in places]
                row |= {"decoder_input_ids": given, "decoder_position_ids": places}
            rows.append(row)
    return rows


def wanted_rows(path: Path, copies: int, recipe: str) -> list[dict[str, Any]]:
    if not OBJECTIVES[recipe].evaluated:
        return [{"input_ids": row["input_ids"]} for row in stored_rows(path)]
    if recipe == "elmo":
        return next_word_rows(path)
    if OBJECTIVES[recipe].predict is not None:
        return causal_rows(path)
    if recipe == "xlnet":
        return permuted_rows(path, copies)
    if OBJECTIVES[recipe].denoise is not None:
        return sequence_rows(path, copies, recipe)
    return expected_rows(path, copies, recipe)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("to", ["parquet", "stream"])
def test_every_copy_of_every_row_is_written(recipe: str, to: str, tmp_path: Path) -> None:
    folder = corpus(recipe)
    assert export(folder, tmp_path / "out", to=to) == 0
    for split in ("train", "eval"):
        for path in shard_paths(folder, split):
            written = tmp_path / "out" / split / path.name
            if to == "parquet":
                table = pq.read_table(written.with_suffix(".parquet"))
            else:
                table = pa.ipc.open_stream(written.read_bytes()).read_all()
            assert table.to_pylist() == wanted_rows(path, copies_in(recipe), recipe)
            assert table.schema.field("input_ids").type.value_type == pa.int32()


@pytest.mark.parametrize(("given", "copies"), [("all", 3), ("first", 1), ("2", 2)])
def test_copies_can_be_chosen(given: str, copies: int, tmp_path: Path) -> None:
    folder = corpus("roberta")
    assert export(folder, tmp_path / "out", "--copies", given, "--split", "train") == 0
    assert [each.name for each in sorted((tmp_path / "out").iterdir()) if each.is_dir()] == [
        "train"
    ]
    path = shard_paths(folder)[0]
    table = pq.read_table(tmp_path / "out" / "train" / f"{path.stem}.parquet")
    assert table.to_pylist() == expected_rows(path, copies, "roberta")


def test_an_export_goes_on_where_it_was_stopped(tmp_path: Path, capsys: Captured) -> None:
    folder, output = corpus("bert"), tmp_path / "out"
    assert export(folder, output) == 0
    first, second = sorted((output / "train").iterdir())
    kept, content = first.stat().st_mtime_ns, second.read_bytes()
    second.unlink()
    (output / "train" / f".{second.name}.0123456789ab.tmp").write_bytes(content[:100])
    assert export(folder, output) == 0
    assert "already there" in capsys.readouterr().out
    assert first.stat().st_mtime_ns == kept
    assert second.read_bytes() == content
    assert sorted((output / "train").iterdir()) == [first, second]


def test_another_export_is_refused(tmp_path: Path, capsys: Captured) -> None:
    folder, output = corpus("bert"), tmp_path / "out"
    assert export(folder, output) == 0
    assert export(folder, output, "--copies", "1") == 2
    assert "copies: there 3, here 1" in capsys.readouterr().err
    assert export(corpus("roberta"), output) == 2
    assert "holds another export" in capsys.readouterr().err


def test_a_folder_of_something_else_is_refused(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert export(corpus("bert"), tmp_path) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_half_written_stays_under_a_final_name(tmp_path: Path, capsys: Captured) -> None:
    folder = copy_of("bert", tmp_path / "copy")
    shard = shard_paths(folder)[1]
    shard.write_bytes(shard.read_bytes()[:5000])
    assert export(folder, tmp_path / "out") == 1
    assert "shard-00001-of-00002.arrow" in capsys.readouterr().err
    names = [each.name for each in (tmp_path / "out" / "train").iterdir()]
    assert names == ["shard-00000-of-00002.parquet"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--copies", "4"], "must be 'all', 'first' or in [1, 3], got '4'"),
        (["--copies", "0"], "got '0'"),
        (["--split", "test"], "it has train and eval"),
    ],
)
def test_wrong_options_are_told(
    options: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    assert export(corpus("bert"), tmp_path / "out", *options) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("recipe", ["bert", "roberta"])
def test_transformers_finds_the_tokenizer(recipe: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    folder = corpus(recipe)
    assert export(folder, tmp_path / "out", "--copies", "1") == 0
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    names = manifest_of(folder)["tokenizer"]["special_tokens"]
    assert tokenizer.mask_token == names["mask"]
    assert tokenizer.pad_token == names["pad"]
    assert tokenizer.model_max_length == {"bert": 128, "roberta": 512}[recipe]
    config = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text("utf-8"))
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    words = tokenizer("two planks")["input_ids"]
    assert words[0] == tokenizer.cls_token_id
    assert words[-1] == tokenizer.sep_token_id


def test_what_datasets_calls_the_splits_of_an_export_is_told(tmp_path: Path) -> None:
    """By the names of the folders, unless files are given."""
    data_files = pytest.importorskip("datasets.data_files")
    for split in ("train", "eval"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "00000.parquet").touch()
    assert {*map(str, data_files.get_data_patterns(str(tmp_path)))} == {"train", "test"}
    page = Path(__file__).resolve().parents[3] / "docs" / "format.md"
    assert '`load_dataset("HF")` would call `eval` `test`' in page.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["bert", "roberta"])
def test_the_trainer_of_transformers_trains_on_it(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert export(corpus(recipe), tmp_path / "out") == 0
    data = datasets.load_dataset(
        "parquet",
        data_files={"train": str(tmp_path / "out" / "train" / "*.parquet")},
        cache_dir=str(tmp_path / "cache"),
    )["train"]
    assert data.num_rows == 3 * manifest_of(corpus(recipe))["splits"]["train"]["rows"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    seen: list[dict[str, Any]] = []
    model = tiny_model(recipe, len(tokenizer))
    model.register_forward_pre_hook(
        lambda _module, _args, inputs: seen.append(inputs), with_kwargs=True
    )
    options = transformers.TrainingArguments(
        output_dir=str(tmp_path / "trained"),
        max_steps=3,
        per_device_train_batch_size=4,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
    )
    trainer = transformers.Trainer(
        model=model,
        args=options,
        train_dataset=data,
        data_collator=transformers.DataCollatorForTokenClassification(tokenizer),
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 3
    assert bool(torch.isfinite(torch.tensor(losses)).all())
    for inputs in seen:
        assert ((inputs["labels"] == -100) | (inputs["attention_mask"] == 1)).all()
        assert (inputs["labels"] != -100).any()
        assert ("next_sentence_label" in inputs) == (recipe == "bert")


def tiny_model(recipe: str, vocabulary: int) -> Any:
    transformers = pytest.importorskip("transformers")
    sizes = {
        "vocab_size": vocabulary,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    if recipe == "bert":
        config = transformers.BertConfig(**sizes, max_position_embeddings=128)
        return transformers.BertForPreTraining(config)
    config = transformers.RobertaConfig(
        **sizes, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1
    )
    return transformers.RobertaForMaskedLM(config)


def test_an_unknown_file_system_is_told(capsys: Captured) -> None:
    assert main([str(corpus("bert")), "--to", "parquet", "--output", "foo://bucket/x"]) == 2
    assert "--output foo://bucket/x: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda told: told["identity"]["splits"].pop(), "other splits than it lists files of"),
        (lambda told: told["files"].pop(0), "tokenizer.json is not in export.json"),
        (lambda told: told.update(format_version=3), "has format version 3, not 2"),
    ],
    ids=["split", "tokenizer", "version"],
)
def test_verify_finds_what_an_export_leaves_out(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], object],
    told: str,
) -> None:
    out = tmp_path / "out"
    assert main([str(corpus("bert")), "--to", "parquet", "--output", str(out)]) == 0
    assert verify([str(out)]) == 0
    found = json.loads((out / "export.json").read_text())
    found.pop("checksum")
    change(found)
    (out / "export.json").write_bytes(sealed_json(found))
    capsys.readouterr()
    assert verify([str(out)]) == 1
    assert told in capsys.readouterr().out


def test_an_export_onto_the_build_itself_is_refused(tmp_path: Path, capsys: Captured) -> None:
    folder = copy_of("bert", tmp_path / "corpus")
    assert export(folder, Path(f"{folder}/../corpus")) == 2
    assert "corpus is the build itself; name a new folder" in capsys.readouterr().err
