"""Every command of docs/tasks.md, on small files of the form that the public tasks have."""

import contextlib
import io
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import main as build
from tests.support.made_once import made_once
from tests.support.sample_builds import shard_paths, stored_rows, tokenizer_file

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tasks.md"


def lines(*values: Mapping[str, Any]) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def table(head: str, *rows: str) -> str:
    return "".join(f"{row}\n" for row in (head, *rows))


NLI = "index\tsentence1\tsentence2\tlabel1\tgold_label"
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Rivers",
            "paragraphs": [
                {
                    "context": "The Nile  flows to the sea. It is long.",
                    "qas": [
                        {
                            "question": "Where does it flow?",
                            "id": "1",
                            "answers": [
                                {"text": "the sea", "answer_start": 19},
                                {"text": "sea", "answer_start": 23},
                            ],
                            "is_impossible": False,
                        },
                        {"question": "How deep?", "id": "2", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}
CMRC = json.loads(json.dumps(SQUAD))
CMRC["data"][0]["paragraphs"][0] = {
    "context": "北京是中国的首都。",
    "qas": [
        {"question": "中国的首都是？", "answers": [{"text": "北京", "answer_start": 0}]},
        {"question": "北京是什么？", "answers": [{"text": "中国的首都", "answer_start": 3}]},
    ],
}
CONLL = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nsaid VBZ B-VP O\n\nAda NNP B-NP B-PER\n"
SWAG_HEAD = (
    ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label"
)
C3 = [
    [
        ["男：你好。", "女：再见。"],
        [{"question": "谁先说？", "choice": ["男", "女"], "answer": "男"}],
        "1",
    ]
]
FILES = {
    "SST-2/train.tsv": table("sentence\tlabel", 'a "good film \t1', "a bad one\t0"),
    "SST-2/dev.tsv": table("sentence\tlabel", "good\t1"),
    "SST-2/test.tsv": table("index\tsentence", "0\tgood", "1\tbad"),
    "CoLA/train.tsv": table("gj04\t1\t\tThey ate.", "gj04\t0\t*\tThey ate it was."),
    "CoLA/dev.tsv": table("gj04\t1\t\tWe ate."),
    "MRPC/train.tsv": table(
        "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", "1\t7\t8\tone \"a\tone", "0\t7\t9\tone\ttwo"
    ),
    "MRPC/dev.tsv": table("Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", "1\t7\t8\ttwo\ttwo"),
    "QQP/train.tsv": table(
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", "1\t1\t2\twho?\twhat?\t0", "broken",
        "2\t3\t4\twho?\twho\t1",
    ),
    "QQP/dev.tsv": table("id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", "1\t1\t2\ta\tb\t0"),
    "STS-B/train.tsv": table("index\tsentence1\tsentence2\tscore", "0\ta plane\ta plane\t5.000"),
    "STS-B/dev.tsv": table("index\tsentence1\tsentence2\tscore", "0\ta plane\ta car\t0.250"),
    "MNLI/train.tsv": table(
        NLI, "0\ta\tb\tneutral\tneutral", "1\ta\tc\tx\tentailment", "2\ta\td\tx\tcontradiction"
    ),
    "MNLI/dev_matched.tsv": table(
        NLI.replace("gold", "label2\tgold"), "0\te\tb\tneutral\tentailment\tneutral"
    ),
    "QNLI/train.tsv": table(
        "index\tquestion\tsentence\tlabel", "0\twho?\tshe\tentailment",
        "1\twhy?\tno\tnot_entailment",
    ),
    "QNLI/dev.tsv": table("index\tquestion\tsentence\tlabel", "0\twhen?\tnow\tentailment"),
    "RTE/train.tsv": table(
        "index\tsentence1\tsentence2\tlabel", "0\ta\tb\tentailment", "1\tc\td\tnot_entailment"
    ),
    "RTE/dev.tsv": table("index\tsentence1\tsentence2\tlabel", "0\te\tf\tentailment"),
    "train-v2.0.json": json.dumps(SQUAD),
    "dev-v2.0.json": json.dumps(SQUAD).replace("Nile", "Rhine").replace(
        '19', '20').replace('23', '24'),
    "conll2003/train.txt": CONLL,
    "conll2003/valid.txt": "Bob NNP B-NP B-PER\n",
    "SWAG/train.csv": table(
        SWAG_HEAD, '0,v,1,"He sits. He","He sits, and waits.",He,gold,reads.,sings.,flies.,"a, b",0'
    ),
    "SWAG/val.csv": table(SWAG_HEAD, "0,v,1,She x,She x.,She,gold,reads.,sings.,flies.,swims.,3"),
    "tnews/train.json": lines(
        {"label": "102", "label_desc": "news_game", "sentence": "新的游戏", "keywords": ""},
        {"label": "104", "label_desc": "news_finance", "sentence": "股市 上涨", "keywords": ""},
    ),
    "tnews/dev.json": lines({"label": "102", "label_desc": "news_game", "sentence": "玩游戏"}),
    "afqmc/train.json": lines(
        {"sentence1": "花呗怎么还", "sentence2": "怎么还花呗", "label": "1"},
        {"sentence1": "花呗怎么还", "sentence2": "借呗是什么", "label": "0"},
    ),
    "afqmc/dev.json": lines({"sentence1": "花呗", "sentence2": "借呗", "label": "0"}),
    "cmnli/train.json": lines(
        {"sentence1": "天晴", "sentence2": "没下雨", "label": "entailment"},
        {"sentence1": "天晴", "sentence2": "下雨了", "label": "contradiction"},
        {"sentence1": "天晴", "sentence2": "很冷", "label": "-"},
    ),
    "cmnli/dev.json": lines({"sentence1": "天黑", "sentence2": "很冷", "label": "neutral"}),
    "cmrc2018/train.json": json.dumps(CMRC, ensure_ascii=False, indent=2),
    "cmrc2018/dev.json": json.dumps(CMRC, ensure_ascii=False, indent=2).replace("中国", "法国"),
    "c3/train.json": json.dumps(C3, ensure_ascii=False),
    "cluener/train.json": lines(
        {
            "text": "叶老桂在北京",
            "label": {"name": {"叶老桂": [[0, 2]]}, "address": {"北京": [[4, 5]]}},
        }
    ),
}  # fmt: skip
"""Two or three records of each task, as its files have them."""
TRAIN_ROWS = {
    "sst-2": 2, "cola": 2, "mrpc": 2, "qqp": 2, "sts-b": 1, "mnli": 3, "qnli": 2, "rte": 2,
    "sst-2-test": 2, "squad": 2, "conll2003": 2, "swag": 4, "tnews": 2, "afqmc": 2, "cmnli": 2,
    "cmrc2018": 2, "c3": 2, "cluener": 1,
}  # fmt: skip


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where all commands of the page were run."""

    def make(path: Path) -> None:
        for name, content in FILES.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, "utf-8")
        (path / "tokenizer.json").write_bytes(tokenizer_file("wordpiece").read_bytes())
        with contextlib.chdir(path):
            [conversion] = blocks("python")
            exec(conversion, {})
            for command in "".join(blocks("sh")).splitlines():
                program, action, *arguments = shlex.split(command)
                assert (program, action) == ("shardmill", "build")
                out, errors = io.StringIO(), io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
                    # A tenth of two records may be nothing, or all of them.
                    fraction = [] if "--eval-input" in arguments else ["--eval-fraction", "0"]
                    status = build([*arguments, *fraction, "--shards", "1"])
                assert status == 0, (command, errors.getvalue())

    return made_once("tasks-page", make)


def rows_of(folder: Path, name: str, split: str = "train") -> list[dict[str, Any]]:
    return [row for path in shard_paths(folder / "data" / name, split) for row in stored_rows(path)]


def test_every_command_makes_rows(folder: Path) -> None:
    found = {path.name: len(rows_of(folder, path.name)) for path in (folder / "data").iterdir()}
    assert found == TRAIN_ROWS


def settings(folder: Path, name: str) -> dict[str, Any]:
    manifest = json.loads((folder / "data" / name / "manifest.json").read_text("utf-8"))
    found: dict[str, Any] = manifest["recipe"]["settings"]
    return found


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("sst-2", "0,1"),
        ("mnli", "contradiction,entailment,neutral"),
        ("cmnli", "entailment,neutral,contradiction"),
        ("tnews", "news_finance,news_game"),
        ("conll2003", "B-ORG,B-PER,O"),
        ("cluener", "B-address,B-name,I-address,I-name,O"),
    ],
)
def test_classes_are_those_of_the_records(folder: Path, name: str, classes: str) -> None:
    assert settings(folder, name)["predict.names"] == classes


def test_labels_are_right(folder: Path) -> None:
    assert [row["label"] for row in rows_of(folder, "sts-b", "eval")] == [0.25]
    assert {row["label"] for row in rows_of(folder, "sst-2-test")} == {-1}
    swag = rows_of(folder, "swag", "eval")
    assert [(row["candidates"], row["label"]) for row in swag] == [(4, 0), (4, 0), (4, 0), (4, 1)]
    assert sorted(row["label"] for row in rows_of(folder, "c3")) == [0, 1]
    [cluener] = rows_of(folder, "cluener")
    assert cluener["labels"] == [-1, 1, 3, 3, 4, 0, 2, -1]
    # [CLS] 北京是什么？ [SEP] 北 京 是 中 国 的 首 都 。 [SEP]
    spans = {(row["answer_start"], row["answer_end"]) for row in rows_of(folder, "cmrc2018")}
    assert spans == {(9, 11), (11, 16)}
