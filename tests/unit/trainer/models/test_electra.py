"""ELECTRA's two models: losses of Hugging Face's classes, tied weights, draws that repeat."""

import copy
import functools
import itertools
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from schemas.errors import UsageError
from tests.support.sample_builds import corpus
from trainer.evaluate import evaluate
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.meter import Sums
from trainer.models.electra import Electra, detection_term, drawn, with_targets
from trainer.models.electra_family import generator_config
from trainer.models.load import load_model
from trainer.optim import parameter_groups
from trainer.processes import Processes
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.losses import mean_losses, total_loss
from transforms.build.corpus import Corpus
from transforms.contract.oracle import uniformity

IGNORED = -100
TOKENS = 1024


@functools.cache
def opened(recipe: str = "electra") -> Corpus:
    return open_local_corpus(corpus(recipe))


@functools.cache
def batches(recipe: str = "electra") -> tuple[Batch, ...]:
    """All batches of an epoch, and one without rows."""
    options: dict[str, Any] = {"batch_tokens": TOKENS, "checksums": False, "seed": 4}
    count = len(ArrowBatches(opened(recipe), **options))
    return tuple(ArrowBatches(opened(recipe), **options, batches_per_step=count + 1))


def config_of(folder: Path, recipe: str = "electra", **changes: Any) -> str:
    fields = {
        "model_type": "electra",
        "vocab_size": opened(recipe).vocabulary.size + 8,
        "embedding_size": 12,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 24,
        "max_position_embeddings": 512,
        "pad_token_id": opened(recipe).vocabulary.roles["pad"],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.1,
        "generator_size": 0.5,
        **changes,
    }
    path = folder / "electra.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return str(path)


@functools.cache
def _shared(recipe: str) -> Electra:
    seed_torch(5, recipe)
    with tempfile.TemporaryDirectory() as folder:
        model: Electra = load_model(config_of(Path(folder), recipe), [opened(recipe)], 512)
    return model


def tiny(recipe: str = "electra") -> Electra:
    """A model of a test's own, with the same weights every time."""
    return copy.deepcopy(_shared(recipe))


def unmodified(model: Any) -> Any:
    """A model of Hugging Face of its own, with the same weights."""
    hf = type(model)._from_config(copy.deepcopy(model.config), attn_implementation="sdpa")
    hf.to(model.dtype).load_state_dict(model.state_dict())
    return hf


def seen_by_discriminator(model: Electra, batch: Batch) -> tuple[Tensor, dict[str, Any]]:
    """Returns the ids [T] that the discriminator judges, and the parts of the loss."""
    found: list[Tensor] = []
    handle = model.discriminator.electra.register_forward_pre_hook(
        lambda _module, _given, named: found.append(named["input_ids"]), with_kwargs=True
    )
    seed_torch(9)
    parts = model(batch)
    handle.remove()
    return found[0][0], dict(parts)


def originals(batch: Batch) -> Tensor:
    ids = batch["input_ids"][0].clone()
    real = batch["labels"] != IGNORED
    ids[batch["target_positions"][real]] = batch["labels"][real]
    return ids


def side_by_side(batch: Batch, packed: Tensor, filler: int) -> Tensor:
    """The rows of a packed batch side by side, padded."""
    count = int((batch["row_ids"] >= 0).sum())
    borders = batch["cu_seqlens"].tolist()[: count + 1]
    rows = [packed[a:b] for a, b in itertools.pairwise(borders)]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=filler)


def expected_losses(model: Electra, batch: Batch, corrupted: Tensor) -> dict[str, Tensor]:
    """What both classes of Hugging Face say of the rows, side by side."""
    total = int(batch["num_tokens"])
    rows: Mapping[str, Tensor] = {
        "attention_mask": side_by_side(batch, torch.ones(TOKENS, dtype=torch.int64), 0),
        "token_type_ids": side_by_side(batch, batch["token_type_ids"][0], 0),
    }
    labels = torch.full((TOKENS,), IGNORED)
    real = batch["labels"] != IGNORED
    labels[batch["target_positions"][real]] = batch["labels"][real]
    replaced = (corrupted != originals(batch)).long()
    assert 0 < int(replaced[:total].sum()) <= int(real.sum())
    generated = model.generator(
        input_ids=side_by_side(batch, batch["input_ids"][0], 0),
        labels=side_by_side(batch, labels, IGNORED),
        **rows,
    )
    judged = model.discriminator(
        input_ids=side_by_side(batch, corrupted, 0),
        labels=side_by_side(batch, replaced, 0),
        **rows,
    )
    return {"mlm": generated.loss, "rtd": judged.loss}


def plain(model: Electra) -> Electra:
    """The same with the attention of Hugging Face."""
    tied = Electra(unmodified(model.generator), unmodified(model.discriminator), longest=512)
    tied.generator.set_attn_implementation("sdpa")
    tied.discriminator.set_attn_implementation("sdpa")
    return tied


@pytest.mark.parametrize("recipe", ["electra", "roberta"])
@pytest.mark.parametrize("which", [0, -2])
def test_losses_are_those_of_the_classes_for_the_same_rows(recipe: str, which: int) -> None:
    model, batch = tiny(recipe), batches(recipe)[which]
    with torch.no_grad():
        corrupted, parts = seen_by_discriminator(model, batch)
        found = mean_losses(parts, model.counts(batch))
        expected = expected_losses(plain(model), batch, corrupted)
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=0)


def test_the_whole_loss_is_the_generators_and_fifty_times_the_discriminators() -> None:
    model, batch = tiny(), batches()[0]
    parts, counts = model(batch), model.counts(batch)
    means = mean_losses(parts, counts)
    expected = means["mlm"] + 50 * means["rtd"]
    torch.testing.assert_close(total_loss(parts, counts), expected)
    sums = Sums()
    sums.add(parts, counts)
    told = sums.means(Processes(0, 1, torch.device("cpu")))[0]
    assert told["loss"] == pytest.approx(float(expected.detach()), rel=1e-6)


def test_gradients_are_those_of_the_classes() -> None:
    model, batch = tiny().double(), batches()[0]
    corrupted, parts = seen_by_discriminator(model, batch)
    total_loss(parts, model.counts(batch)).backward()
    other = plain(model)
    expected = expected_losses(other, batch, corrupted)
    (expected["mlm"] + 50 * expected["rtd"]).backward()
    largest = max(float(weight.grad.norm()) for weight in other.parameters())  # type: ignore[union-attr]
    pairs = zip(model.named_parameters(), other.parameters(), strict=True)
    for (name, weight), wanted in pairs:
        assert weight.grad is not None
        assert wanted.grad is not None
        error = float((weight.grad - wanted.grad).norm())
        assert error <= 1e-5 * float(wanted.grad.norm()) + 1e-7 * largest, name


def test_the_discriminator_does_not_teach_the_generator() -> None:
    model, batch = tiny(), batches()[0]
    model(batch)["rtd"].loss.backward()
    shared = {id(weight) for weight in model.discriminator.parameters()}
    own = [weight for weight in model.generator.parameters() if id(weight) not in shared]
    assert len(own) > 20
    assert all(weight.grad is None for weight in own)


@pytest.mark.parametrize("recipe", ["electra", "roberta"])
def test_only_targets_are_replaced(recipe: str) -> None:
    model = tiny(recipe)
    for batch in batches(recipe)[:-1]:
        with torch.no_grad():
            corrupted, parts = seen_by_discriminator(model, batch)
        original, total = originals(batch), int(batch["num_tokens"])
        targets = torch.zeros(TOKENS, dtype=torch.bool)
        targets[batch["target_positions"][batch["labels"] != IGNORED]] = True
        assert not bool((corrupted != original)[~targets].any())
        found, kept = parts["rtd"].rates
        assert int(found.trials) == int((corrupted != original).sum())
        assert int(found.trials) + int(kept.trials) == total
        assert int(found.hits) + int(kept.hits) == int(parts["rtd"].correct)
        assert int(model.counts(batch)["rtd"]) == total


def test_a_right_guess_is_an_original() -> None:
    model, batch = tiny(), batches()[0]
    model.generator.generator_predictions.forward = lambda hidden: hidden.new_zeros(
        len(hidden), model.generator.config.embedding_size
    )
    with torch.no_grad():
        # The generator always says the same.
        model.generator.generator_lm_head.bias.fill_(-1e9)
        model.generator.generator_lm_head.bias[int(batch["labels"][0])] = 0
        corrupted, parts = seen_by_discriminator(model, batch)
    real = batch["labels"] != IGNORED
    assert set(corrupted[batch["target_positions"][real]].tolist()) == {int(batch["labels"][0])}
    wrong = int((batch["labels"][real] != batch["labels"][0]).sum())
    assert int(parts["rtd"].rates[0].trials) == wrong < int(real.sum())


def test_a_batch_without_rows_has_no_loss() -> None:
    model, batch = tiny(), batches()[-1]
    parts = model(batch)
    assert {name: int(count) for name, count in model.counts(batch).items()} == {"mlm": 0, "rtd": 0}
    loss = total_loss(parts, model.counts(batch))
    loss.backward()
    assert float(loss.detach()) == 0
    grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert all(not bool(gradient.any()) for gradient in grads)


def test_draws_follow_the_softmax() -> None:
    seed_torch(1)
    probabilities = torch.tensor([0.5, 0.25, 0.15, 0.1, 0.0])
    counts = drawn(probabilities.log().expand(20_000, -1)).bincount(minlength=5).tolist()
    assert counts[4] == 0
    assert uniformity("draws", counts[:4], probabilities[:4].tolist()).holds
    assert not uniformity("draws", counts[:4], [0.25] * 4).holds


def test_filling_leaves_alone_what_is_no_target() -> None:
    ids = torch.tensor([10, 11, 12, 13])
    batch = {
        "target_positions": torch.tensor([0, 2, 0, 0]),
        "labels": torch.tensor([20, 22, IGNORED, IGNORED]),
    }
    assert with_targets(ids, batch, torch.tensor([1, 2, 3, 4])).tolist() == [1, 11, 2, 13]


def test_detection_counts_real_tokens_alone() -> None:
    judged = torch.tensor([2.0, -1.0, 3.0, -4.0, 9.0])
    replaced = torch.tensor([True, True, False, False, True])
    part = detection_term(judged, replaced, torch.tensor(4))
    sigmoid = torch.sigmoid(judged[:4])
    expected = -(sigmoid[:2].log().sum() + (1 - sigmoid[2:]).log().sum())
    torch.testing.assert_close(part.loss, expected)
    assert int(part.correct) == 2
    told = [(rate.name, int(rate.hits), int(rate.trials)) for rate in part.rates]
    assert told == [("replaced_found", 1, 2), ("originals_kept", 1, 2)]


@pytest.mark.parametrize("change", ["none", "double", "copied", "loaded"])
def test_embeddings_are_shared_and_trained_once(change: str) -> None:
    model = tiny()
    if change == "double":
        model = model.double()
    if change == "copied":
        model = copy.deepcopy(model)
    if change == "loaded":
        model.load_state_dict(tiny().state_dict())
    generator, discriminator = model.generator.electra, model.discriminator.electra
    assert generator.embeddings is discriminator.embeddings
    words = discriminator.embeddings.word_embeddings.weight
    assert model.generator.generator_lm_head.weight is words
    listed = [id(each) for group in parameter_groups(model, 0.01) for each in group["params"]]
    assert len(listed) == len(set(listed)) == len(list(model.parameters()))


def test_a_run_that_goes_on_from_its_folder_has_the_same_weights(tmp_path: Path) -> None:
    model = tiny()
    model.save_pretrained(tmp_path)
    again = load_model(str(tmp_path), [opened()], 512)
    assert again.state_dict().keys() == model.state_dict().keys()
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name
    assert again.generator.electra.embeddings is again.discriminator.electra.embeddings


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        (transformers.AutoModelForMaskedLM, "generator"),
        (transformers.AutoModelForPreTraining, "discriminator"),
    ],
)
def test_each_model_is_for_from_pretrained(kind: Any, folder: str, tmp_path: Path) -> None:
    model = tiny()
    model.save_pretrained(tmp_path)
    loaded = kind.from_pretrained(tmp_path / folder)
    expected = getattr(model, folder)
    assert type(loaded) is type(expected)
    for name, weight in expected.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name


def test_attention_has_no_dropout_in_either_model(tmp_path: Path) -> None:
    path = config_of(tmp_path, attention_probs_dropout_prob=0.3, hidden_dropout_prob=0.2)
    model = load_model(path, [opened()], 512)
    assert model.notice == "attention dropout is 0, not 0.3: packed attention has none"
    rates = {name: m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
    inside = {name for name in rates if name.endswith("attention.self.dropout")}
    assert len(inside) == 4
    assert {rates[name] for name in inside} == {0.0}
    assert {rates[name] for name in rates.keys() - inside} >= {0.2}


@pytest.mark.parametrize(
    ("share", "heads", "width", "inner"), [(0.25, 1, 4, 6), (1 / 3, 1, 5, 8), (0.5, 2, 8, 12)]
)
def test_a_generator_is_as_deep_and_narrower(
    share: float, heads: int, width: int, inner: int, tmp_path: Path
) -> None:
    path = config_of(tmp_path, generator_size=share)
    small = generator_config(transformers.AutoConfig.from_pretrained(path))
    assert (small.num_attention_heads, small.hidden_size) == (heads, width)
    assert (small.intermediate_size, small.embedding_size) == (inner, 12)
    assert small.num_hidden_layers == 2


@pytest.mark.parametrize(
    ("name", "geometry"), [("electra-small", (64, 1, 256)), ("electra-base", (256, 4, 1024))]
)
def test_generators_of_the_presets_are_those_of_the_paper(
    name: str, geometry: tuple[int, int, int]
) -> None:
    with torch.device("meta"):
        small = load_model(name, [opened()], 512).generator.config
    assert (small.hidden_size, small.num_attention_heads, small.intermediate_size) == geometry


def test_operations_are_those_of_all_products(tmp_path: Path) -> None:
    model = load_model(config_of(tmp_path), [opened()], 512)
    products = 0
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            head = name.startswith(("generator.generator_", "generator.generator_lm"))
            products += 0 if head else module.in_features * module.out_features
    vocabulary = model.generator.config.vocab_size
    head = 0.15 * (8 * 12 + 12 * vocabulary)
    attention = 2 * 100 * 2 * (16 + 8)
    assert model.flops_per_token(100, 0.15) == pytest.approx(6 * (products + head + attention))


@pytest.mark.parametrize("recipe", ["bert", "albert"])
def test_data_with_pairs_to_judge_are_refused(recipe: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no head for the pairs \(\w+, \w+.*\) of "):
        load_model(config_of(tmp_path, recipe), [opened(recipe)], 512)


def test_data_that_teach_more_than_masked_tokens_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"learns masked and replaced tokens, and .* is made for"):
        load_model(config_of(tmp_path, "infoword"), [opened("infoword")], 512)


def test_rows_of_two_segments_are_refused_by_a_model_of_one(tmp_path: Path) -> None:
    message = r"has no second segment \(type_vocab_size 1\), which the rows of .* have"
    with pytest.raises(UsageError, match=message):
        load_model(config_of(tmp_path, type_vocab_size=1), [opened()], 512)


def test_a_folder_with_one_of_the_models_is_refused(tmp_path: Path) -> None:
    tiny().discriminator.save_pretrained(tmp_path / "discriminator")
    with pytest.raises(UsageError, match="has no folders generator and discriminator"):
        load_model(str(tmp_path), [opened()], 512)


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    os.truncate(tmp_path / "generator" / "model.safetensors", 100)
    with pytest.raises(UsageError, match="cannot be made"):
        load_model(str(tmp_path), [opened()], 512)


def test_bert_learns_masked_tokens_from_the_same_rows() -> None:
    with torch.device("meta"):
        model = load_model("bert-tiny", [opened()], 512)
    assert type(model.hf).__name__ == "BertForMaskedLM"
    assert list(model.counts(batches()[0])) == ["mlm"]


def test_an_evaluation_draws_the_same_every_time() -> None:
    model, processes = tiny(), Processes(0, 1, torch.device("cpu"))
    held_out = ArrowBatches(
        opened(), split="eval", shuffle=False, batch_tokens=TOKENS, checksums=False
    )
    found = []
    for seed in (1, 2):
        seed_torch(seed)
        autocast = torch.autocast("cpu", enabled=False)
        found.append(evaluate(model, model, held_out, processes, autocast))
    assert found[0] == found[1]
    assert 0 < found[0]["replaced_found"] + found[0]["originals_kept"] < 2


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures("fresh_compiler")
def test_all_batches_take_one_graph() -> None:
    counter = CompileCounter()
    compiled = torch.compile(tiny(), backend=counter, fullgraph=True, dynamic=False)
    for batch in (batches()[0], batches()[-2], batches()[-1]):
        compiled(batch)
    assert counter.frame_count == 1
