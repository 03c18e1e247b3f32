from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.errors import UsageError
from tests.support.task_runs import (
    FAMILIES,
    MODELS,
    config_of,
    loader,
    made,
    mean,
    opened,
    rows_of,
    unpacked,
)
from trainer.models.load import load_model
from trainer.models.task_encoder import TaskEncoder
from trainer.rows.layouts import Batch
from trainer.tasks.losses import total_loss

Inputs = list[dict[str, Tensor]]


def _of_rows(hf: Any, batch: Batch, rows: Inputs) -> Tensor:
    labels = batch["row_labels"]
    return mean([hf(**row, labels=labels[[at]]).loss for at, row in enumerate(rows)])


def _of_tags(hf: Any, batch: Batch, rows: Inputs) -> Tensor:
    borders, labels = batch["cu_seqlens"].tolist(), batch["token_labels"]
    own = [labels[borders[at] : borders[at + 1]] for at in range(len(rows))]
    counts = [int((each != IGNORED).sum()) for each in own]
    sums = [
        count * hf(**row, labels=each[None]).loss
        for row, each, count in zip(rows, own, counts, strict=True)
    ]
    return torch.stack(sums).sum() / sum(counts)


def _of_spans(hf: Any, batch: Batch, rows: Inputs) -> Tensor:
    starts, ends = batch["span_starts"], batch["span_ends"]
    return mean(
        [
            hf(**row, start_positions=starts[[at]], end_positions=ends[[at]]).loss
            for at, row in enumerate(rows)
        ]
    )


def _of_choices(hf: Any, batch: Batch, rows: Inputs) -> Tensor:
    losses = []
    for places, label in zip(batch["choice_rows"], batch["choice_labels"], strict=True):
        own = [rows[at] for at in places.tolist() if at >= 0]
        longest = max((row["input_ids"].shape[1] for row in own), default=0)
        if own:
            padded = {
                name: torch.cat([_padded(row[name], longest) for row in own])[None]
                for name in own[0]
            }
            seen = torch.cat([_padded(torch.ones_like(row["input_ids"]), longest) for row in own])
            losses.append(hf(**padded, attention_mask=seen[None], labels=label[None]).loss)
    return mean(losses)


def _padded(values: Tensor, size: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, size - values.shape[1]))


EXPECTED: Mapping[str, Callable[[Any, Batch, Inputs], Tensor]] = {
    "classify": _of_rows,
    "pair": _of_rows,
    "regress": _of_rows,
    "tag": _of_tags,
    "span": _of_spans,
    "rank": _of_choices,
}


def loss_of(model: TaskEncoder, batch: Batch) -> Tensor:
    return total_loss(model(batch), model.counts(batch))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", EXPECTED)
def test_the_loss_is_that_of_transformers_for_the_same_rows(
    kind: str, family: str, tmp_path: Path
) -> None:
    model = made(tmp_path, kind, family).eval()
    batch = next(iter(loader(kind)))
    found = loss_of(model, batch)
    expected = EXPECTED[kind](unpacked(model.hf), batch, rows_of(batch))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", ["pair", "span", "rank"])
def test_a_model_with_one_type_of_tokens_sees_two_texts_as_transformers_does(
    kind: str, tmp_path: Path
) -> None:
    model = made(tmp_path, kind, "roberta", type_vocab_size=1).eval()
    batch = next(iter(loader(kind)))
    assert int(batch["token_type_ids"].max()) == 1
    found = loss_of(model, batch)
    rows = [{"input_ids": row["input_ids"]} for row in rows_of(batch)]
    expected = EXPECTED[kind](unpacked(model.hf), batch, rows)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", EXPECTED)
def test_gradients_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    model = made(tmp_path, kind).eval()
    batch = next(iter(loader(kind)))
    loss_of(model, batch).backward()
    found = {name: each.grad.clone() for name, each in model.hf.named_parameters()}
    model.zero_grad()
    EXPECTED[kind](unpacked(model.hf), batch, rows_of(batch)).backward()
    for name, each in model.hf.named_parameters():
        torch.testing.assert_close(found[name], each.grad, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_batch_without_rows_has_no_loss_and_no_predictions(kind: str, tmp_path: Path) -> None:
    model = made(tmp_path, kind).eval()
    batches = loader(kind, batches_per_step=64, world_size=1)
    *_, last = batches
    assert int(last["num_tokens"]) == 0
    [term] = model(last).values()
    assert term.loss.item() == 0
    assert not (term.kept["rows"] >= 0).any()


def test_nothing_is_kept_in_training(tmp_path: Path) -> None:
    model = made(tmp_path, "classify").train()
    [term] = model(next(iter(loader("classify")))).values()
    assert not term.kept


@pytest.mark.parametrize("kind", ["classify", "regress"])
def test_rows_without_a_label_do_not_count(kind: str, tmp_path: Path) -> None:
    model = made(tmp_path, kind).eval()
    batch = dict(next(iter(loader(kind))))
    labels = batch["row_labels"].clone()
    all_terms = model(batch)
    labels[3] = IGNORED if kind == "classify" else float("nan")
    batch["row_labels"] = labels
    assert int(model.counts(batch)[kind]) == 7
    own = _of_rows(unpacked(model.hf), {"row_labels": labels[[0]]}, rows_of(batch)[:1])
    assert own.isfinite()
    rest = {at for at in range(8) if at != 3}
    alone = [
        unpacked(model.hf)(**rows_of(batch)[at], labels=labels[[at]]).loss.item() for at in rest
    ]
    model.hf.set_attn_implementation("shardmill_packed")
    assert model(batch)[kind].loss.item() == pytest.approx(sum(alone), rel=1e-5)
    assert model(batch)[kind].loss.item() < all_terms[kind].loss.item()


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_saved_is_loaded_with_names_and_problem(kind: str, tmp_path: Path) -> None:
    import transformers

    model = made(tmp_path, kind)
    model.save_pretrained(tmp_path / "saved")
    loaded = getattr(transformers, MODELS[kind]).from_pretrained(tmp_path / "saved")
    own = model.hf.state_dict()
    assert own.keys() == loaded.state_dict().keys()
    assert all(torch.equal(each, own[name]) for name, each in loaded.state_dict().items())
    problems = {"classify": "single_label_classification", "regress": "regression"}
    assert loaded.config.problem_type == problems.get("classify" if kind == "pair" else kind)
    if kind == "pair":
        assert loaded.config.id2label == {0: "maybe", 1: "no", 2: "yes"}
        assert loaded.config.label2id == {"maybe": 0, "no": 1, "yes": 2}


def test_several_tasks_share_one_encoder_and_are_saved_apart(tmp_path: Path) -> None:
    import transformers

    kinds = ["classify", "tag", "regress"]
    config = config_of(tmp_path)
    model = load_model(str(config), [opened(kind) for kind in kinds], 48, tasks=kinds)
    first, second, third = model.models.values()
    assert first.bert is second.bert is third.bert
    with torch.no_grad():
        model.encoder.embeddings.word_embeddings.weight.mul_(2)
    model.save_pretrained(tmp_path / "saved")
    for kind, own in zip(kinds, model.models.values(), strict=True):
        loaded, info = getattr(transformers, MODELS[kind]).from_pretrained(
            tmp_path / "saved" / kind, output_loading_info=True
        )
        assert not info["missing_keys"]
        assert not info["unexpected_keys"]
        weights = own.state_dict()
        for name, each in loaded.state_dict().items():
            assert torch.equal(each, weights[name])


def test_a_batch_of_several_tasks_has_the_head_of_its_own(tmp_path: Path) -> None:
    kinds = ["classify", "pair"]
    corpora = [opened(kind) for kind in kinds]
    model = load_model(str(config_of(tmp_path)), corpora, 48, tasks=kinds).eval()
    for number, kind in enumerate(kinds):
        batch = next(iter(loader(kind, member=number)))
        assert model.logits(batch).shape[1] == len(corpora[number].recipe.labelled.names)
        model(batch)["classify"].loss.backward()
        heads = [each.classifier.weight.grad for each in model.models.values()]
        assert [each is not None for each in heads] == [number == 0, number == 1]
        model.zero_grad()


def test_a_fine_tuned_model_keeps_its_head_for_the_same_classes_alone(tmp_path: Path) -> None:
    model = made(tmp_path, "classify")
    model.save_pretrained(tmp_path / "saved")
    again = load_model(str(tmp_path / "saved"), [opened("classify")], 48)
    assert torch.equal(again.hf.classifier.weight, model.hf.classifier.weight)
    assert "new weights" not in again.notice
    other = load_model(str(tmp_path / "saved"), [opened("pair")], 48)
    assert torch.equal(other.encoder.pooler.dense.weight, model.encoder.pooler.dense.weight)
    assert other.hf.classifier.weight.shape == (3, 16)
    assert "new weights: classifier.bias, classifier.weight" in other.notice


def test_classes_in_another_order_are_refused(tmp_path: Path) -> None:
    model = made(tmp_path, "classify")
    model.hf.config.id2label = {0: "positive", 1: "negative"}
    model.save_pretrained(tmp_path / "saved")
    with pytest.raises(
        UsageError, match=r"has the classes positive, negative, and .* has them in "
    ):
        load_model(str(tmp_path / "saved"), [opened("classify")], 48)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpt-tiny", r"is of type 'gpt2', which is not fine-tuned; known: albert, bert, electra,"),
        ("os:getcwd", r"is your own, and labels are predicted by models of type albert, bert,"),
    ],
)
def test_other_models_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_model(name, [opened("classify")], 48)


def test_rows_longer_than_the_positions_are_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path, max_position_embeddings=16)
    with pytest.raises(UsageError, match=r"has 16 positions, the rows of .* need 48"):
        load_model(str(config), [opened("pair")], 48)


def test_data_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    model = made(tmp_path, "classify")
    model.save_pretrained(tmp_path / "saved")
    text = opened("classify").tokenizer_json
    path = tmp_path / "saved" / "tokenizer.json"
    path.write_text(text, "utf-8")
    load_model(str(tmp_path / "saved"), [opened("classify")], 48)
    path.write_text(text.replace('"the":', '"thee":'), "utf-8")
    with pytest.raises(UsageError, match=r"is of another vocabulary than .*'the' has no id there"):
        load_model(str(tmp_path / "saved"), [opened("classify")], 48)
    path.write_text(text.replace('"lowercase": true', '"lowercase": false'), "utf-8")
    assert path.read_text("utf-8") != text
    with pytest.raises(UsageError, match=r"splits text in another way than .* \(normalizer\)"):
        load_model(str(tmp_path / "saved"), [opened("classify")], 48)


def test_the_encoder_of_a_pretraining_run_gets_a_new_head(tmp_path: Path) -> None:
    import transformers

    config = transformers.AutoConfig.from_pretrained(config_of(tmp_path))
    pretrained = transformers.BertForMaskedLM(config)
    pretrained.save_pretrained(tmp_path / "saved")
    model = load_model(str(tmp_path / "saved"), [opened("classify")], 48)
    one, other = (each.bert.encoder.state_dict() for each in (pretrained, model.hf))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert "new weights: bert.pooler.dense.bias, bert.pooler.dense.weight, cl" in model.notice


def test_the_discriminator_of_an_electra_run_is_fine_tuned(tmp_path: Path) -> None:
    import transformers

    path = config_of(tmp_path, "electra")
    config = transformers.AutoConfig.from_pretrained(path)
    pretrained = transformers.ElectraForPreTraining(config)
    pretrained.save_pretrained(tmp_path / "saved" / "discriminator")
    model = load_model(str(tmp_path / "saved"), [opened("classify")], 48)
    one, other = (each.electra.state_dict() for each in (pretrained, model.hf))
    assert all(torch.equal(one[name], other[name]) for name in one)
