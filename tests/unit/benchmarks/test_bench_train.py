import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from benchmarks import gpu_probe, train, train_attention
from benchmarks.train_parity import measure_parity
from benchmarks.train_peers import TimedLoader
from benchmarks.train_report import TrainMeasured, train_report
from benchmarks.train_sides import SIDES, Figures, Job, Parity, Window, figures_of
from tests.support.sample_builds import corpus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cores are pinned on Linux only")

ABOUT = {
    "recipe": "bert",
    "rows": 1000,
    "longest": 512,
    "mean_length": 500.0,
    "architecture": "BertForPreTraining",
    "layers": 12,
    "hidden": 768,
    "parameters": 110_000_000,
    "flops_per_token": 6e8,
    "stated_peak": 989e12,
    "measured_peak": 750e12,
    "device": "NVIDIA H200",
    "loader_tokens_per_second": 4e7,
}
MODELS: dict[str, Callable[..., Any]] = {
    "bert-wwm": transformers.BertConfig,
    "roberta": transformers.RobertaConfig,
}


def cells(table_row: str) -> list[str]:
    return [cell.strip() for cell in table_row.strip("|").split("|")]


def job(recipe: str, work: Path, **changes: Any) -> Job:
    usual: dict[str, Any] = {
        "data": corpus(recipe) if recipe else Path("data"),
        "work": work,
        "device": "cpu",
        "precision": "fp32",
        "batch_tokens": 1536,
        "warmup_steps": 1,
        "steps": 2,
        "repeat": 2,
        "threads": torch.get_num_threads(),
    }
    return Job(**{**usual, **changes})


def tiny_model(recipe: str, folder: Path) -> str:
    """Writes the configuration of a model that takes no time."""
    vocabulary = json.loads((corpus(recipe) / "manifest.json").read_text())["tokenizer"]
    tokens = json.loads((corpus(recipe) / "tokenizer.json").read_text())["added_tokens"]
    ids = {token["content"]: token["id"] for token in tokens}
    config = MODELS[recipe](
        vocab_size=vocabulary["vocab_size"],
        pad_token_id=ids[vocabulary["special_tokens"]["pad"]],
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=64,
        max_position_embeddings=520,
    )
    path = folder / f"{recipe}.json"
    path.write_text(config.to_json_string(use_diff=False))
    return str(path)


def side(rate: float, **changes: Any) -> Figures:
    usual: dict[str, Any] = {
        "tokens_per_second": [rate / 2, rate, 2 * rate],
        "step_ms": [200.0, 100.0, 50.0],
        "tokens_per_step": 65000.0,
        "padding": 0.01,
        "data_wait": [0.001, 0.002, 0.003],
        "overhead": 12.34,
        "memory_gib": 40.0,
        "notes": "notes of a side",
    }
    return Figures(**{**usual, **changes})


def measured(device: str, **changes: Any) -> TrainMeasured:
    usual: dict[str, Any] = {
        "job": job("", Path("work"), device=device, precision="bf16"),
        "about": ABOUT,
        "parity": None,
        "sides": {
            "ours": side(4e5),
            "ours-compiled": side(6e5),
            "hf-careful": side(3e5, data_wait=[0.0, 0.1, 0.2]),
        },
        "failed": {},
    }
    return TrainMeasured(**{**usual, **changes})


@pytest.mark.slow
@pytest.mark.parametrize("recipe", MODELS)
def test_every_side_trains_with_as_many_tokens_a_step(recipe: str, tmp_path: Path) -> None:
    work = job(recipe, tmp_path)
    train.make_work(work, tiny_model(recipe, tmp_path))
    names = ["ours", "hf-careful-uncompiled", "hf-eager", "hf-defaults"]
    found = {name: Figures(**train.run_side(work, name)) for name in names}
    about = train.run_side(work, "loader")
    parity = Parity(**train.run_side(work, "parity"))
    assert parity.holds
    assert len(set(parity.theirs)) == len(parity.theirs) > 1
    for each in found.values():
        assert len(each.tokens_per_second) == len(each.step_ms) == len(each.data_wait) == 2
        assert each.rate > 0
        assert 0 <= each.padding < 0.5
        assert 0.6 * 1536 < each.tokens_per_step < 1.4 * 1536
    assert "attention eager" in found["hf-eager"].notes
    assert ("LanguageModeling" in found["hf-defaults"].notes) == (recipe == "roberta")
    assert about["loader_tokens_per_second"] > 0
    shown = train_report(
        "tiny", TrainMeasured(job=work, about=about, parity=parity, sides=found, failed={})
    )
    rows = [cells(line) for line in shown.splitlines() if line.startswith("|")]
    assert [row[0] for row in rows[2:]] == names
    assert {len(row) for row in rows} == {11}


@pytest.mark.slow
def test_parity_notices_other_weights(tmp_path: Path) -> None:
    model = tiny_model("bert-wwm", tmp_path)
    work = job("bert-wwm", tmp_path)
    train.make_work(work, model)
    other = tmp_path / "other"
    torch.manual_seed(1)
    config = transformers.AutoConfig.from_pretrained(work.weights)
    transformers.BertForPreTraining(config).save_pretrained(other)
    found = measure_parity(work, theirs=other)
    assert not found.holds
    assert not measured("cpu", parity=found).agrees


@pytest.mark.slow
def test_the_program_runs_each_side_in_a_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(corpus("bert-wwm")), "--model", tiny_model("bert-wwm", tmp_path)]
    options = ["--device", "cpu", "--batch-tokens", "1024", "--warmup-steps", "1", "--steps", "1"]
    assert train.main([*arguments, *options, "--repeat", "1", "--only", "ours"]) == 0
    shown = capsys.readouterr().out
    assert "### Training" in shown
    assert "The aims of the trainer are for one H200" in shown
    assert "thread(s) of torch on the CPU in every process" in shown
    assert "Versions: shardmill" in shown
    assert "apache-beam" not in shown


def test_figures_are_of_what_follows_the_warm_up() -> None:
    windows = [
        Window(seconds=10.0, tokens=9, slots=9, waited=9.0),
        Window(seconds=2.0, tokens=300, slots=400, waited=0.5),
        Window(seconds=4.0, tokens=300, slots=400, waited=0.0),
    ]
    found = figures_of(job("", Path()), windows, 1.5, "")
    assert found.tokens_per_second == [150.0, 75.0]
    assert found.step_ms == [1000.0, 2000.0]
    assert found.tokens_per_step == 150.0
    assert found.padding == 0.25
    assert found.data_wait == [0.25, 0.0]
    assert found.overhead == 10.0 - 1.5


def test_on_a_cpu_sides_take_turns_and_one_that_fails_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def measure_one(one: Job, name: str, failed: dict[str, str]) -> dict[str, Any]:
        asked.append(name)
        assert one.repeat == 1
        if name == "hf-defaults":
            failed[name] = "no more memory"
            return {}
        rate = float(len(asked))
        return {} if name == "loader" else side(rate, tokens_per_second=[rate]).to_json()

    monkeypatch.setattr(train, "_measure_one", measure_one)
    found = train.measure(job("", Path()), ["ours", "hf-defaults", "hf-eager"])
    assert asked == ["loader", "ours", "hf-defaults", "hf-eager", "hf-eager", "ours"]
    assert found.sides["ours"].tokens_per_second == [2.0, 6.0]
    assert found.sides["hf-eager"].tokens_per_second == [4.0, 5.0]
    assert found.failed == {"hf-defaults": "no more memory"}
    assert found.ratio("hf-eager") == (2 / 4 + 6 / 5) / 2


def test_windows_end_with_warm_up_and_measurements() -> None:
    work = job("", Path(), warmup_steps=3, steps=2, repeat=2)
    assert [step for step in range(1, work.last + 1) if work.ends_window(step)] == [3, 5, 7]


def test_a_loader_is_timed_and_counted() -> None:
    batches = [{"attention_mask": torch.tensor([[1, 1, 0]])}, {"attention_mask": torch.ones(2, 2)}]
    loader = TimedLoader(torch.utils.data.DataLoader(batches, batch_size=None))
    assert len(list(loader)) == len(loader) == 2
    assert (loader.tokens, loader.slots) == ([2, 4], [3, 4])
    assert loader.waited > 0
    assert loader.num_workers == 0


def test_speeds_are_compared_with_the_compiled_side_on_a_gpu() -> None:
    rows = {
        cells(line)[0]: cells(line)[1:]
        for line in train_report("bert-base", measured("cuda")).splitlines()
        if line.startswith("|")
    }
    assert rows["side"][1] == "ours-compiled / it"
    assert rows["hf-careful"] == [
        *("300,000", "2.00", "100", "65,000", "1.0%", "18.2%", "24.0%", "10.00%", "12.3", "40.00"),
    ]
    assert rows["ours"][:2] == ["400,000", "1.50"]
    assert rows["Mtok/s"] == ["0.60", "0.70", "0.600"]
    assert rows["data wait"] == ["<= 1%", "<= 0.3%", "0.20%"]
    assert rows["loader alone, Mtok/s"] == [">= 30", "", "40.0"]
    assert rows["hf-careful, full rows"] == ["1.5x", "1.8x", "2.00x"]


def test_rows_of_natural_length_have_other_aims() -> None:
    about = {**ABOUT, "mean_length": 213.0}
    shown = train_report("bert-base", measured("cuda", about=about))
    assert "| hf-careful, rows of natural length | 1.7x | 2.2x | 2.00x |" in shown


def test_a_cpu_is_held_to_no_aims() -> None:
    shown = train_report("bert-base", measured("cpu", about={**ABOUT, "stated_peak": None}))
    assert "| ours / it |" in shown
    assert "nothing is held to them here" in shown
    assert "accept" not in shown
    assert cells(next(line for line in shown.splitlines() if line.startswith("| ours |")))[6] == "-"


def test_what_differs_or_fails_is_told() -> None:
    parity = Parity(ours=[7.0, 6.9], theirs=[7.0, 6.8], limit=1e-3)
    found = measured("cuda", parity=parity, failed={"hf-defaults": "out of memory"})
    assert not found.agrees
    shown = train_report("bert-base", found)
    assert "largest difference 0.1, NOT within 0.001" in shown
    assert "* hf-defaults FAILED: out of memory" in shown


def test_a_report_without_figures_says_why() -> None:
    shown = train_report(
        "bert-base", measured("cuda", about={}, sides={}, failed={"loader": "no such kernel"})
    )
    assert "* loader FAILED: no such kernel" in shown


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_no_parity(loss: float) -> None:
    assert not Parity(ours=[7.0, loss, 7.0], theirs=[7.0, 7.0, 7.0], limit=1.0).holds


def test_sides_that_are_measured_depend_on_compiling() -> None:
    given = train.parse_options(["--data", "d", "--device", "cpu"])
    assert given.only == ["parity", "ours", "hf-careful-uncompiled", "hf-defaults"]
    assert (given.batch_tokens, given.precision) == (8192, "fp32")
    assert given.threads == len(os.sched_getaffinity(0))
    given = train.parse_options(["--data", "d", "--device", "cpu", "--compile"])
    assert given.only == ["parity", "ours", "ours-compiled", "hf-careful", "hf-defaults"]


@pytest.mark.parametrize("option", ["--steps", "--warmup-steps", "--repeat", "--threads"])
def test_refuses_options(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.parse_options(["--data", "d", "--device", "cpu", option, "-1"])
    assert f"{option} must be at least 1, got -1" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_probe.main([]) == 2
    assert "finds no GPU here" in capsys.readouterr().err
    assert train.main(["--data", "d", "--device", "cuda"]) == 2
    assert "finds no GPU here" in capsys.readouterr().err


def test_sides_of_the_probe_exist() -> None:
    assert {*gpu_probe.STEP_SIDES, gpu_probe.GRAPHS, *gpu_probe.LOOP_SIDES} <= {*SIDES, "parity"}


def test_software_is_described() -> None:
    told = "\n".join(gpu_probe.describe_software())
    assert "cu_seq_q" in told
    assert "SDPA flash: " in told


def test_kernels_are_told_by_kind() -> None:
    kernels = {"nvjet_hsh_128x256": 50.0, "flash_bwd": 30.0, "triton_poi_fused_add": 20.0}
    shares = dict(cells(line) for line in list(gpu_probe.kernel_table(kernels))[2:])
    assert shares == {
        "GEMM": "50.0%",
        "attention": "30.0%",
        "other": "20.0%",
        "nvjet_hsh_128x256": "50.0%",
        "flash_bwd": "30.0%",
        "triton_poi_fused_add": "20.0%",
    }


@pytest.mark.parametrize("kind", train_attention.SEGMENTS)
def test_segments_fill_the_sequence(kind: str) -> None:
    borders, longest = train_attention.borders_of(kind, 2048)
    lengths = borders.diff()
    assert borders[0] == 0
    assert borders[-1] == 2048
    assert int(lengths.max()) <= longest
    assert bool((lengths == 0).any()) == (kind == "mixed")


def test_attention_by_sdpa_is_exact() -> None:
    way = train_attention.IMPLEMENTATIONS["SDPA"]
    assert train_attention.largest_error(way, torch.device("cpu"), torch.float32, 256) < 1e-5


@pytest.mark.parametrize("kind", ["64", "mixed"])
def test_attention_by_flex_keeps_segments_apart(kind: str) -> None:
    total = 256
    borders, longest = train_attention.borders_of(kind, total)
    tensors = train_attention.make_tensors(total, torch.float32, torch.device("cpu"))
    with torch.no_grad():
        found, true = (
            train_attention.IMPLEMENTATIONS[name](*tensors, borders, longest)
            for name in ("flex_attention", "SDPA")
        )
    torch.testing.assert_close(found, true, rtol=1e-4, atol=1e-5)


def test_a_way_without_a_kernel_says_so() -> None:
    ways = {"varlen_attn": train_attention.IMPLEMENTATIONS["varlen_attn"]}
    lines = list(train_attention.attention_table(torch.device("cpu"), 512, ways))
    assert len(lines) == 2 + len(train_attention.SEGMENTS)
    assert "failed: " in lines[-1]
