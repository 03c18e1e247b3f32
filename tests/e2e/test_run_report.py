"""What a training run leaves: its page, the cards of its models, its samples, and their modes."""

import contextlib
import html.parser
import json
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch

from pipelines.cli import main as shardmill
from tests.support.labelled_builds import labelled
from tests.support.sample_builds import corpus, manifest_of
from tests.support.task_runs import config_of
from tests.support.training_runs import saved, tiny_config, train
from trainer.report.samples import Sampler

Captured = pytest.CaptureFixture[str]
OPTIONS = ("--batch-tokens", "512", "--eval-every", "2", "--save-every", "2")


@contextlib.contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps with two evaluations."""
    folder = tmp_path_factory.mktemp("report")
    config = tiny_config(folder)
    with umask(0o022):
        assert train(corpus("bert-wwm"), config, folder / "run", *OPTIONS, "--steps", "4") == 0
    return folder / "run"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two tasks, whose files only their owner may read."""
    folder = tmp_path_factory.mktemp("tasks")
    both = ("--data", str(labelled("tag")), "--steps", "2", "--batch-tokens", "2048")
    with umask(0o077):
        assert train(labelled("classify"), config_of(folder), folder / "run", *both) == 0
    return folder / "run"


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


def test_files_have_the_mode_that_the_umask_says(run: Path, tasks: Path) -> None:
    assert modes(run) == {0o644}
    assert modes(tasks) == {0o600}
    assert sorted(path.name for path in (run / "latest" / "hf").iterdir()) == [
        *["README.md", "config.json", "loss.svg", "model.safetensors"],
        *["tokenizer.json", "tokenizer_config.json"],
    ]


def test_the_card_is_one_of_the_hub(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run / "latest" / "hf"
    card = huggingface_hub.ModelCard.load(folder / "README.md", ignore_metadata_errors=False)
    assert card.data.to_dict() == {
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "tags": ["shardmill", "bert", "bert-wwm"],
    }
    manifest = manifest_of(corpus("bert-wwm"))
    for said in (manifest["checksum"], "| steps | 4 |", "`--lr` | 0.001", "| Loss, masked"):
        assert said in card.text
    # The code of the card loads the model where it lies.
    [code] = re.findall(r"```python\n(.*?)```", card.text, re.DOTALL)
    monkeypatch.chdir(folder)
    found: dict[str, Any] = {}
    exec(code, found)
    assert type(found["model"]).__name__ == "BertForPreTraining"
    assert found["tokenizer"].mask_token == "[MASK]"
    plot = ElementTree.parse(folder / "loss.svg").getroot()
    assert plot.tag.endswith("svg")
    assert len(plot.findall(".//{*}polyline")) == 2


def test_each_task_has_a_card_of_its_own(tasks: Path) -> None:
    found = {
        path.parent.name: huggingface_hub.ModelCard.load(path)
        for path in sorted((tasks / "latest" / "hf").glob("*/README.md"))
    }
    assert {name: card.data.pipeline_tag for name, card in found.items()} == {
        "build": "text-classification",
        "build-2": "token-classification",
    }
    tags = found["build-2"].text
    assert "B-LOC" in tags
    assert "| F1 | " in tags
    assert "negative" not in tags


class Page(html.parser.HTMLParser):
    """Collects what a page must have to be read by everybody."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_has_no_scripts_and_names_its_parts(run: Path) -> None:
    text = (run / "report.html").read_text("utf-8")
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe"} & {*names}
    assert names.count("h1") == 1
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len({*ids})
    links = [attributes["href"] or "" for tag, attributes in page.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= {*ids}
    labelled_by = [
        (attributes["aria-labelledby"] or "").split()
        for tag, attributes in page.tags
        if tag == "svg" and attributes.get("role") == "img"
    ]
    assert labelled_by
    assert {each for both in labelled_by for each in both} <= {*ids}
    boxes = [attributes for _, attributes in page.tags if attributes.get("role") == "region"]
    assert boxes
    assert all(box.get("tabindex") == "0" and box.get("aria-label") for box in boxes)
    for said in ("Predictions", "bert-wwm", manifest_of(corpus("bert-wwm"))["checksum"], "fp32"):
        assert said in text


def test_report_writes_the_page_again(run: Path, tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "page.html"
    assert shardmill(["report", str(run), "--output", str(path)]) == 0
    assert path.read_bytes() == (run / "report.html").read_bytes()
    assert capsys.readouterr().out == f"{path}: written\n"


def test_report_says_which_lines_it_leaves_out(run: Path, tmp_path: Path, capsys: Captured) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy, symlinks=True)
    half = copy / ".report.html.0123456789ab.tmp"
    half.write_bytes(b"<!doctype")
    os.utime(half, (0, 0))
    # A line that is being written is nothing to speak of.
    with (copy / "log.jsonl").open("ab") as file:
        file.write(b'\xff\nnot a record\n{"event": "tra')
    with (copy / "samples.jsonl").open("ab") as file:
        file.write(b"{}\n")
    assert shardmill(["report", str(copy)]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"{copy}/log.jsonl: 2 lines cannot be read, and are left out",
        f"{copy}/samples.jsonl: 1 line cannot be read, and is left out",
    ]
    assert not half.exists()
    assert (copy / "report.html").read_bytes() == (run / "report.html").read_bytes()


@pytest.mark.parametrize("content", [b"", b"not a record\nnor this\n"])
def test_report_says_that_a_log_without_figures_has_no_curves(
    content: bytes, run: Path, tmp_path: Path, capsys: Captured
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy, symlinks=True)
    (copy / "log.jsonl").write_bytes(content)
    assert shardmill(["report", str(copy)]) == 0
    unread = [f"{copy}/log.jsonl: 2 lines cannot be read, and are left out"] if content else []
    assert capsys.readouterr().err.splitlines() == [
        *unread,
        f"{copy}/log.jsonl has no figures that can be read, so the page has no curves",
    ]


def test_a_page_cannot_be_a_folder(run: Path, tmp_path: Path, capsys: Captured) -> None:
    for given in (str(tmp_path), f"{tmp_path}/new/"):
        assert shardmill(["report", str(run), "--output", given]) == 2
        said = f"shardmill: --output {given}: is a folder; name the file to write\n"
        assert capsys.readouterr().err == said
    (tmp_path / "file").touch()
    assert shardmill(["report", str(run), "--output", f"{tmp_path}/file/page.html"]) == 2
    assert ".tmp" not in capsys.readouterr().err


def test_the_report_of_a_run_without_a_checkpoint_is_one_sentence(
    tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "log.jsonl").touch()
    assert shardmill(["report", str(tmp_path)]) == 2
    assert "has no checkpoint yet; wait until" in capsys.readouterr().err


LEARNERS: dict[str, dict[str, Any]] = {
    "electra": {"model_type": "electra", "embedding_size": 12, "max_position_embeddings": 512},
    "gpt": {
        "model_type": "gpt2",
        "n_embd": 32,
        "n_layer": 1,
        "n_head": 2,
        "max_position_embeddings": 1024,
    },
}
SHOWN = {"electra": ("mlm", "rtd", ": original"), "gpt": ("lm", "continuation", "2 continuation")}


@pytest.mark.parametrize("recipe", LEARNERS)
def test_every_head_is_on_the_page(recipe: str, tmp_path: Path) -> None:
    config = tiny_config(tmp_path, **LEARNERS[recipe])
    options = ("--batch-tokens", "1024", "--eval-every", "1", "--steps", "2")
    assert train(corpus(recipe), config, tmp_path / "run", *options) == 0
    lines = (tmp_path / "run" / "samples.jsonl").read_text("utf-8").splitlines()
    *tasks, said = SHOWN[recipe]
    assert {json.loads(line)["task"] for line in lines} == {*tasks}
    text = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert said in text
    # All evaluations are shown: their rows and places are the same.
    count = text.count("Predictions of row ")
    assert text.count('<th scope="col">step 1</th><th scope="col">step 2</th>') == count > 0


def test_samples_are_those_of_every_evaluation(run: Path) -> None:
    found = [json.loads(line) for line in (run / "samples.jsonl").read_text("utf-8").splitlines()]
    assert {record["event"] for record in found} == {"sample"}
    assert {record["step"] for record in found} == {2, 4}
    rows: dict[tuple[str, int], list[Any]] = {}
    for record in found:
        rows.setdefault((record["task"], record["row"]), []).append(
            [record["text"], [[each["at"], each["right"]] for each in record["predictions"]]]
        )
    # The same rows with the same masks every time.
    assert all(first == second for first, second in rows.values())
    assert {task for task, _ in rows} == {"mlm", "nsp"}


def test_a_resumed_run_has_the_samples_of_one_that_was_not_stopped(
    run: Path, tmp_path: Path
) -> None:
    config, output = tiny_config(tmp_path), tmp_path / "run"
    # The schedule must be the same, so the run is stopped behind its second checkpoint.
    given = (*OPTIONS, "--schedule", "constant")
    assert train(corpus("bert-wwm"), config, output, *given, "--steps", "2") == 0
    with (output / "samples.jsonl").open("a") as file:
        file.write('{"event": "sample", "step": 3, "member": "')
    assert train(corpus("bert-wwm"), config, output, *given, "--steps", "4") == 0
    whole = tmp_path / "whole"
    assert train(corpus("bert-wwm"), config, whole, *given, "--steps", "4") == 0
    assert (output / "samples.jsonl").read_bytes() == (whole / "samples.jsonl").read_bytes()
    card, other = (each / "latest" / "hf" / "README.md" for each in (output, whole))
    assert card.read_text("utf-8") == other.read_text("utf-8")


def test_samples_change_nothing_of_the_training(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sampler, "taken", lambda *_: [])
    config = tiny_config(tmp_path)
    assert train(corpus("bert-wwm"), config, tmp_path / "run", *OPTIONS, "--steps", "4") == 0
    ours, others = saved(tmp_path / "run")["model"], saved(run)["model"]
    assert all(torch.equal(ours[name], others[name]) for name in ours)


def test_a_page_of_somebody_else_is_not_replaced(tmp_path: Path, capsys: Captured) -> None:
    config, output = tiny_config(tmp_path), tmp_path / "run"
    assert train(corpus("bert-wwm"), config, output, *OPTIONS, "--steps", "2") == 0
    (output / "report.html").write_text("my own", "utf-8")
    assert train(corpus("bert-wwm"), config, output, *OPTIONS, "--steps", "4") == 2
    assert "is not a page as a run makes it" in capsys.readouterr().err
