"""GPT and GPT-2 compute what the classes of Hugging Face do for the same rows."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch._dynamo.testing import CompileCounter
from torch.nn.functional import cross_entropy

from schemas.errors import UsageError
from tests.support.language_rows import (
    EOD,
    GPT1,
    GPT2,
    IDS,
    IGNORED,
    causal,
    loss_of,
    model_of,
    packed,
    padded,
    random_rows,
)
from trainer.models.causal import CausalModel
from trainer.models.load import load_model
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch

LENGTHS = (17, 9, 2, 17, 5)
ROWS = [random_rows(1, length, seed)[0] for seed, length in enumerate(LENGTHS)]
LayOut = Callable[[Sequence[Tensor]], Batch]


def _packed(rows: Sequence[Tensor]) -> Batch:
    return packed(rows, 80)


KINDS: dict[str, tuple[dict[str, Any], LayOut]] = {"gpt2": (GPT2, _packed), "gpt": (GPT1, padded)}
EVERY = pytest.mark.parametrize("kind", KINDS)


def made(kind: str, folder: Path) -> tuple[CausalModel, LayOut]:
    fields, lay_out = KINDS[kind]
    return model_of(folder, causal(), **fields), lay_out


def plain(model: CausalModel) -> Any:
    """A model of Hugging Face of its own, with the same weights and the attention it has itself."""
    config = copy.deepcopy(model.hf.config)
    config.attn_pdrop = 0.0
    found = type(model.hf)._from_config(config, attn_implementation="eager")
    found.load_state_dict(model.hf.state_dict())
    return found.to(model.hf.dtype)


def its_loss(hf: Any, rows: Sequence[Tensor], reduction: str = "mean") -> Tensor:
    """The loss of the class for rows that are given one at a time, with labels shifted by it."""
    losses = []
    for row in rows:
        logits = hf(input_ids=row[None, :-1]).logits[0]
        losses.append(cross_entropy(logits, row[1:], reduction="none"))
    every = torch.cat(losses)
    return every.mean() if reduction == "mean" else every.sum()


@EVERY
def test_it_is_the_class_of_hugging_face(kind: str, tmp_path: Path) -> None:
    model, lay_out = made(kind, tmp_path)
    expected = {"gpt2": "GPT2LMHeadModel", "gpt": "OpenAIGPTLMHeadModel"}[kind]
    assert type(model.hf).__name__ == expected
    batch = lay_out(ROWS)
    assert int(model.counts(batch)["lm"]) == sum(LENGTHS) - len(LENGTHS)
    assert list(model(batch)) == ["lm"]


@EVERY
def test_the_loss_is_that_of_the_class_for_the_same_rows(kind: str, tmp_path: Path) -> None:
    model, lay_out = made(kind, tmp_path)
    with torch.no_grad():
        found, expected = loss_of(model, lay_out(ROWS)), its_loss(plain(model), ROWS)
        hf = plain(model)
        batch = padded(ROWS, 17, empty=0)
        ids = torch.where(batch["attention_mask"] > 0, batch["input_ids"], 0)
        for line, row in enumerate(ROWS):
            ids[line, len(row) - 1] = row[-1]
        labels = ids.masked_fill(torch.arange(17) >= torch.tensor(LENGTHS)[:, None], IGNORED)
        own = hf(input_ids=ids, labels=labels).loss
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(found, own, rtol=1e-6, atol=0)


@EVERY
def test_the_gradient_of_every_parameter_is_that_of_the_class(kind: str, tmp_path: Path) -> None:
    model, lay_out = made(kind, tmp_path)
    hf = plain(model.double())
    loss_of(model, lay_out(ROWS)).backward()
    its_loss(hf, ROWS).backward()
    expected = {name: weight.grad for name, weight in hf.named_parameters()}
    found = {name: weight.grad for name, weight in model.hf.named_parameters()}
    assert found.keys() == expected.keys()
    largest = max(float(gradient.norm()) for gradient in expected.values())
    for name, gradient in expected.items():
        # In float64 but for the cross entropy; the gradient of a key's bias is 0 but for rounding.
        error = float((found[name] - gradient).norm())
        assert error <= 1e-6 * float(gradient.norm()) + 1e-7 * largest, name


@EVERY
def test_right_guesses_are_counted(kind: str, tmp_path: Path) -> None:
    model, lay_out = made(kind, tmp_path)
    hf = plain(model)
    with torch.no_grad():
        guesses = [hf(input_ids=row[None, :-1]).logits[0].argmax(-1) for row in ROWS]
    rows = [torch.cat([row[:-1], guess[-1:]]) for row, guess in zip(ROWS, guesses, strict=True)]
    right = sum(int((g == r[1:]).sum()) for g, r in zip(guesses, rows, strict=True))
    assert int(model(lay_out(rows))["lm"].correct) == right >= len(ROWS)


def logits_of(model: CausalModel, batch: Batch) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.hf.lm_head(model._hidden(batch, model._longest)[0])
    return found


def test_packed_sequences_do_not_see_each_other(tmp_path: Path) -> None:
    model, _ = made("gpt2", tmp_path)
    batch = _packed(ROWS)
    begin, end = batch["cu_seqlens"][1:3].tolist()
    edited = {**batch, "input_ids": batch["input_ids"].clone()}
    edited["input_ids"][0, begin + 2] = 11
    before, after = logits_of(model, batch), logits_of(model, edited)
    same = (before == after).all(-1)
    assert bool(same[: begin + 2].all())
    assert bool(same[end:].all())
    assert not bool(same[begin + 2 : end].any())


@EVERY
def test_no_token_sees_a_later_one(kind: str, tmp_path: Path) -> None:
    model, lay_out = made(kind, tmp_path)
    rows = [ROWS[0], torch.cat([ROWS[0][:6], ROWS[3][6:]])]
    before, after = (logits_of(model, lay_out([row])) for row in rows)
    torch.testing.assert_close(before[:6], after[:6])
    assert not bool(torch.isclose(before[6:16], after[6:16]).all(-1).any())


@EVERY
def test_what_is_ignored_adds_nothing(kind: str, tmp_path: Path) -> None:
    model, lay_out = made(kind, tmp_path)
    batch = lay_out(ROWS)
    empty = {**batch, "labels": torch.full_like(batch["labels"], IGNORED)}
    term = model(empty)["lm"]
    assert (int(model.counts(empty)["lm"]), float(term.loss.detach()), int(term.correct)) == (
        0,
        0,
        0,
    )
    term.loss.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert not bool(weight.grad.any()), name


@EVERY
def test_bfloat16_gives_nearly_the_same_loss(kind: str, tmp_path: Path) -> None:
    model, lay_out = made(kind, tmp_path)
    expected = loss_of(model, lay_out(ROWS))
    with torch.autocast("cpu", torch.bfloat16):
        found = loss_of(model, lay_out(ROWS))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=2**-6, atol=0)


@EVERY
def test_what_is_saved_opens_as_a_causal_model(kind: str, tmp_path: Path) -> None:
    model, lay_out = made(kind, tmp_path)
    model.save_pretrained(tmp_path / "hf")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    assert type(loaded) is type(model.hf)
    assert (loaded.config.eos_token_id, loaded.config.bos_token_id) == (EOD, EOD)
    assert loaded.generation_config.eos_token_id == EOD
    expected = model.hf.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(each, expected[name]) for name, each in loaded.state_dict().items())
    with torch.no_grad():
        torch.testing.assert_close(its_loss(loaded.eval(), ROWS), loss_of(model, lay_out(ROWS)))
    seed_torch(99)
    again = load_model(str(tmp_path / "hf"), [causal()], 17)
    assert torch.equal(loss_of(again, lay_out(ROWS)), loss_of(model, lay_out(ROWS)))


@EVERY
def test_a_small_model_learns_rows_by_heart_and_says_them(kind: str, tmp_path: Path) -> None:
    fields, lay_out = KINDS[kind]
    changes = {"n_embd": 64, "n_head": 4, "initializer_range": 0.02}
    model = model_of(tmp_path, causal(), **{**fields, **changes})
    rows = [row.clone() for row in random_rows(4, 17, seed=8)]
    for number, row in enumerate(rows):
        row[0], row[-1] = 10 + number, EOD
        row[1:-1] += row[1:-1] == EOD
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.0)
    for _ in range(120):
        loss_of(model, lay_out(rows)).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert float(loss_of(model, lay_out(rows)).detach()) < 0.1
    model.save_pretrained(tmp_path / "hf")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    for row in rows:
        # It stops at the end-of-document token by itself.
        said = loaded.generate(row[None, :2], do_sample=False, max_new_tokens=20, pad_token_id=0)
        assert said[0].tolist() == row.tolist()


@EVERY
def test_operations_of_a_token_are_those_of_its_matrix_products(kind: str, tmp_path: Path) -> None:
    model, _ = made(kind, tmp_path)
    layers = sum(w.numel() for n, w in model.hf.named_parameters() if ".h." in n and w.ndim == 2)
    scores, head = 2 * 2 * 16 * 100, 16 * (IDS + 4)
    assert model.flops_per_token(100, 1.0) == pytest.approx(6 * (layers + scores + head))


def test_all_batches_take_one_graph(tmp_path: Path) -> None:
    model, _ = made("gpt2", tmp_path)
    counter = CompileCounter()
    torch.compiler.reset()
    compiled = torch.compile(model, backend=counter, fullgraph=True, dynamic=False)
    batches = [packed(ROWS, 80), packed([*ROWS, ROWS[0]], 80), packed(ROWS[:2], 80)]
    size = max(len(batch["cu_seqlens"]) for batch in batches)
    for batch in batches:
        filler = batch["cu_seqlens"][-1].expand(size - len(batch["cu_seqlens"]))
        whole = {**batch, "cu_seqlens": torch.cat([batch["cu_seqlens"], filler])}
        torch.testing.assert_close(compiled(whole)["lm"].loss, model(whole)["lm"].loss)
    assert counter.frame_count == 1
    torch.compiler.reset()


def test_attention_dropout_is_told_and_saved_as_it_was(tmp_path: Path) -> None:
    model = model_of(tmp_path, causal(), **{**GPT2, "attn_pdrop": 0.25})
    assert model.notice == "attention dropout is 0, not 0.25: packed attention has none"
    rates = {n: m.p for n, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
    assert {rate for name, rate in rates.items() if name.endswith("attn_dropout")} == {0.0}
    assert model.hf.config.attn_pdrop == 0.25
    kept = model_of(tmp_path, causal(), **{**GPT1, "attn_pdrop": 0.25})
    assert kept.notice == ""
    rates = {n: m.p for n, m in kept.named_modules() if isinstance(m, torch.nn.Dropout)}
    assert {rate for name, rate in rates.items() if name.endswith("attn_dropout")} == {0.25}


@EVERY
def test_the_last_token_of_a_row_needs_no_position(kind: str, tmp_path: Path) -> None:
    fields, _ = KINDS[kind]
    model_of(tmp_path, causal(), **{**fields, "n_positions": 16})
    with pytest.raises(UsageError) as refused:
        model_of(tmp_path, causal(), **{**fields, "n_positions": 15})
    assert str(refused.value).endswith(
        "has 15 positions, the rows of data need 16; build them with a smaller --max-seq-length"
    )


def test_rows_of_several_recipes_are_one_task(tmp_path: Path) -> None:
    alone = model_of(tmp_path, causal(), **GPT2)
    seed_torch(5, "weights")
    members = [causal(), causal(keep_apart=True)]
    model = load_model(str(tmp_path / "gpt2.json"), members, 17)
    batch = {**_packed(ROWS), "member": torch.tensor(1), "has_lm": torch.tensor(1)}
    assert torch.equal(loss_of(model, batch), loss_of(alone, batch))


def test_documents_cannot_be_kept_apart_side_by_side(tmp_path: Path) -> None:
    model_of(tmp_path, causal(keep_apart=True), **GPT2)
    with pytest.raises(UsageError, match=r"cannot keep the documents of a row apart, which data"):
        model_of(tmp_path, causal(keep_apart=True), **GPT1)


@EVERY
def test_rows_made_for_a_memory_are_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data is made for a memory of 150 tokens; train transf"):
        model_of(tmp_path, causal("transformer-xl"), **KINDS[kind][0])
