"""Labelled records are held out in whole groups, as many as were asked for."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.planning.record_split import hold_out_records
from schemas.documents import keys_of
from tests.support.labelled_builds import FIELDS, build_records, write_jsonl
from tests.support.sample_builds import manifest_of
from transforms.files.inputs import plan_ranges
from transforms.objectives import TASKS
from transforms.read.input_files import match_inputs
from transforms.read.read_records import RecordReader
from transforms.records.shard_text import ShardPlan
from transforms.records.task_fields import FIELDS_OF

Record = dict[str, Any]


def split_of(
    folder: Path, task: str, records: Sequence[Record], fraction: float = 0.1, fields: str = ""
) -> tuple[list[Record], Sequence[str]]:
    """Returns the records that are held out, and what is told; no label is a number."""
    file = write_jsonl(folder / "records.jsonl", records)
    labels = TASKS[task].labelled
    assert labels is not None
    found = FIELDS_OF[labels.kind].of((fields or FIELDS[task]).split(","), labelled=True)
    names = itertools.chain(*map(found.labels, records)) if found.has_classes else ()
    found = dataclasses.replace(found, names=tuple(sorted(set(names))))
    reader = RecordReader(fields=found, held_out=None, max_document_bytes=1 << 20)
    ranges = plan_ranges(match_inputs([str(file)], records=True))
    plan = ShardPlan(train=1, eval=1, eval_below=1)
    plan, told = hold_out_records(plan, reader, ranges, fraction, deduplicate=True)
    batches = [each for each in reader.read(ranges) if isinstance(each, pa.RecordBatch)]
    shards = np.concatenate([plan.assign(keys_of(batch)) for batch in batches])
    assert len(shards) == len(records)
    return [record for record, shard in zip(records, shards, strict=True) if shard], told


def texts(number: int) -> list[Record]:
    return [{"text": f"number {n}", "label": ("no", "yes")[n % 2]} for n in range(number)]


@pytest.mark.parametrize(
    ("number", "fraction", "expected"),
    [
        (2, 0.1, 1),
        (22, 0.1, 2),
        (40, 0.1, 4),
        (300, 0.1, 30),
        (300, 0.25, 75),
        (10, 0.9, 9),
        (10, 0.001, 1),
    ],
)
def test_so_many_are_held_out(number: int, fraction: float, expected: int, tmp_path: Path) -> None:
    records = texts(number)
    held, told = split_of(tmp_path, "classify", records, fraction)
    assert len(held) == expected
    are = "record of {} is" if expected == 1 else "records of {} are"
    said = f"{expected} {are.format(number)} held out for evaluation, by their content"
    assert told[0] == said
    other, _ = split_of(tmp_path, "classify", records[::-1], fraction)
    assert other[::-1] == held


def test_equal_records_count_once(tmp_path: Path) -> None:
    held, told = split_of(tmp_path, "classify", texts(20) * 5)
    assert len(held) == 10
    assert told == ("2 records of 20 are held out for evaluation, by their content",)


def test_one_record_is_not_held_out(tmp_path: Path) -> None:
    held, told = split_of(tmp_path, "regress", [{"text": "a", "label": 1}])
    assert (held, told) == ([], ("nothing is held out for evaluation: there is one record",))


def record_of(task: str, n: int) -> Record:
    """Returns record n, of a group of three whose name its first word or text begins with."""
    group = f"group{n // 3} is here"
    answer: Any = {"text": ["is"], "answer_start": [group.index("is")]} if n % 3 else []
    return {
        "span": {"question": f"what is {n}?", "context": group + " " * n, "answers": answer},
        "rank": {"query": group, "candidates": [f"a {n}", f"b {n}"], "label": n % 2},
        "classify": {"text": f" {group}", "label": str(n % 3)},
        "pair": {"text_a": group, "text_b": "b", "label": str(n % 3)},
        "regress": {"text": group.replace(" ", " " * (n % 3 + 1)), "label": n % 3},
        "tag": {"words": group.split(), "tags": [str(n % 3), "O", "O"]},
    }[task]


@pytest.mark.parametrize("task", FIELDS)
def test_a_group_is_in_one_split(task: str, tmp_path: Path) -> None:
    records = [record_of(task, n) for n in range(60)]
    name = "classify" if task == "pair" else task
    held, told = split_of(tmp_path, name, records, fields=FIELDS[task])
    numbers = [records.index(record) for record in held]
    assert len(numbers) == 6
    assert len({number // 3 for number in numbers}) == 2
    assert told == ("6 records of 60 are held out for evaluation, by their content",)


def test_questions_of_a_context_with_candidates_are_in_one_split(tmp_path: Path) -> None:
    records = [
        {"context": f"talk {n // 3}", "query": f"q {n}", "candidates": ["a", "b"], "label": 0}
        for n in range(60)
    ]
    fields = "context,query,candidates,label"
    held, _ = split_of(tmp_path, "rank", records, fields=fields)
    assert len(held) == 6
    assert len({record["context"] for record in held}) == 2


def test_records_of_one_query_are_not_held_out(tmp_path: Path) -> None:
    records = [
        {"query": "which?", "candidates": [f"a {n}", f"b {n}"], "label": 0} for n in range(9)
    ]
    held, [note] = split_of(tmp_path, "rank", records)
    assert not held
    assert "the 9 records all share one text, which must not be in both splits" in note
    assert "--eval-input" in note


def test_a_class_without_records_for_training_is_told(tmp_path: Path) -> None:
    records = [{"text": f"text {n}", "label": f"class {n}"} for n in range(10)]
    [held], told = split_of(tmp_path, "classify", records)
    assert told[1].startswith(
        "a class is in no record for training, since all of theirs are held out: "
        f"'{held['label']}' (1 record); choose"
    )


def test_a_build_holds_them_out_and_tells(tmp_path: Path) -> None:
    bad = [{"text": "", "label": "no"}] * 40
    file = write_jsonl(tmp_path / "records.jsonl", [*texts(20), *bad])
    options = ["--fields", "text,label", "--max-rejected", "40"]
    manifest = manifest_of(build_records(tmp_path / "out", "classify", [file], *options))
    assert {split: each["rows"] for split, each in manifest["splits"].items()} == {
        "train": 18,
        "eval": 2,
    }
    assert manifest["notes"] == ["2 records of 20 are held out for evaluation, by their content"]
