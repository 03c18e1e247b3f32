"""What holds for every family: packed rows give what the class of Hugging Face gives for them."""

import copy
import functools
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch.nn.functional import cross_entropy

from tests.support.sample_builds import corpus
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.encoder import Encoder
from trainer.models.encoder_families import ENCODERS
from trainer.models.load import load_model
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.losses import LossTerm, mean_losses
from transforms.build.corpus import Corpus
from transforms.contract.packing import PairTask

PAIRS, NO_PAIRS = "bert-wwm", "roberta"
PAIRS_OF = {"albert": "albert"}
"""Recipe with the pairs that a family was made for, if it is not `PAIRS`."""
KINDS = [
    (name, recipe)
    for name, family in ENCODERS.items()
    for recipe in (PAIRS_OF.get(name, PAIRS), NO_PAIRS)
    if family.pairs or recipe == NO_PAIRS
]
EVERY = pytest.mark.parametrize(
    ("name", "recipe"), KINDS, ids=[f"{name}-{recipe}" for name, recipe in KINDS]
)
TOKENS = {PAIRS: 1024, NO_PAIRS: 1536, "albert": 1536}
IGNORED = -100
Which = Callable[[str], Batch]


@functools.cache
def opened(recipe: str) -> Corpus:
    return open_local_corpus(corpus(recipe))


@functools.cache
def packed_batches(recipe: str) -> tuple[Batch, ...]:
    """All batches of an epoch, and one without rows."""
    options: dict[str, Any] = {"batch_tokens": TOKENS[recipe], "checksums": False, "seed": 4}
    count = len(ArrowBatches(opened(recipe), **options))
    return tuple(ArrowBatches(opened(recipe), **options, batches_per_step=count + 1))


def full(recipe: str) -> Batch:
    return packed_batches(recipe)[0]


def partly_filled(recipe: str) -> Batch:
    return packed_batches(recipe)[-2]


def without_rows(recipe: str) -> Batch:
    return packed_batches(recipe)[-1]


@functools.cache
def padded_rows(recipe: str) -> Mapping[int, Batch]:
    """Every row of the split by its number, as the padded layout gives it."""
    longest = max(shard.max_length for shard in opened(recipe).shards("train"))
    batches = ArrowBatches(
        opened(recipe), batch_tokens=64 * longest, layout="padded", checksums=False, seed=4
    )
    return {
        int(number): {name: tensor[place] for name, tensor in batch.items() if tensor.ndim}
        for batch in batches
        for place, number in enumerate(batch["row_ids"])
        if number >= 0
    }


def padded(recipe: str, packed: Batch) -> dict[str, Tensor]:
    """The rows of a packed batch in the same order, side by side."""
    rows = [padded_rows(recipe)[int(number)] for number in packed["row_ids"] if number >= 0]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


@functools.cache
def shared(name: str, recipe: str) -> Encoder:
    """A small model of a family without dropout, as the trainer makes it of a configuration."""
    config = {
        "model_type": name,
        "vocab_size": opened(recipe).vocabulary.size + 8,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 24,
        "max_position_embeddings": 520,
        "type_vocab_size": 2,
        "pad_token_id": opened(recipe).vocabulary.roles["pad"],
        "hidden_dropout_prob": 0.0,
        "classifier_dropout_prob": 0.0,
        "initializer_range": 0.1,
    }
    longest = max(s.max_length for shards in opened(recipe).splits.values() for s in shards)
    seed_torch(5, name, recipe)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps(config), encoding="utf-8")
        encoder: Encoder = load_model(str(path), [opened(recipe)], longest)
    return encoder


def tiny(name: str, recipe: str) -> Encoder:
    """A model of a test's own, with the same weights every time."""
    return copy.deepcopy(shared(name, recipe))


def unmodified(encoder: Encoder, attention: str = "sdpa") -> Any:
    """A model of Hugging Face of its own, with the same weights."""
    kind = type(encoder.hf)
    assert kind.__module__.startswith("transformers.models.")
    config = copy.deepcopy(encoder.hf.config)
    # It says what the model has by itself; in training there is none.
    config.attention_probs_dropout_prob = 0.0
    hf = kind._from_config(config, attn_implementation=attention).to(encoder.hf.dtype)
    hf.load_state_dict(encoder.hf.state_dict())
    return hf


def called(hf: Any, rows: Mapping[str, Tensor], **options: bool) -> Any:
    """Calls it with all its class takes, so that it computes its own loss."""
    names = ["input_ids", "attention_mask", "token_type_ids", "labels"]
    names += ["next_sentence_label", "sentence_order_label"]
    return hf(**{name: rows[name] for name in names if name in rows}, **options)


@functools.cache
@torch.no_grad()
def expected_of(name: str, recipe: str, which: Which, attention: str = "sdpa") -> Any:
    """What the class of Hugging Face says of the rows of a batch, with its hidden states."""
    hf = unmodified(shared(name, recipe), attention)
    return called(hf, padded(recipe, which(recipe)), output_hidden_states=True)


def logits_of(outputs: Any) -> Tensor:
    found: Tensor = outputs.get("prediction_logits", outputs.get("logits"))
    return found


def relations_of(outputs: Any) -> Tensor:
    found: Tensor = outputs.get("seq_relationship_logits", outputs.get("sop_logits"))
    return found


def task_of(recipe: str) -> PairTask:
    task = opened(recipe).recipe.pair.task
    assert task is not None
    return task


def loss_of(encoder: Encoder, batch: Batch) -> Tensor:
    return torch.stack([*mean_losses(encoder(batch), encoder.counts(batch)).values()]).sum()


def hidden_of(encoder: Encoder, batch: Batch) -> Tensor:
    """What the encoder computes for every token, [T, D]."""
    found: list[Tensor] = []
    backbone = getattr(encoder.hf, ENCODERS[encoder.hf.config.model_type].backbone)
    handle = backbone.register_forward_hook(
        lambda _module, _given, outputs: found.append(outputs.last_hidden_state)
    )
    with torch.no_grad():
        encoder(batch)
    handle.remove()
    return found[0][0]


@pytest.mark.parametrize("recipe", [PAIRS, NO_PAIRS])
def test_the_batches_here_show_what_they_should(recipe: str) -> None:
    lengths = full(recipe)["cu_seqlens"].diff()
    rows = full(recipe)["row_ids"] >= 0
    assert int(rows.sum()) >= 3
    assert len(set(lengths[rows].tolist())) >= 2
    assert bool((lengths[~rows] > 0).any())
    assert bool((lengths[~rows] == 0).any())
    assert bool(full(recipe)["token_type_ids"].any()) == (recipe == PAIRS)
    assert 0 < int(partly_filled(recipe)["num_tokens"]) < TOKENS[recipe]
    assert int(without_rows(recipe)["num_tokens"]) == 0


@EVERY
def test_a_family_is_trained_as_the_class_that_it_names(name: str, recipe: str) -> None:
    encoder = tiny(name, recipe)
    family = ENCODERS[name]
    expected = family.masked_lm if recipe == NO_PAIRS else family.pairs
    assert type(encoder.hf).__name__ == expected
    assert encoder.counts(full(recipe)).keys() == encoder(full(recipe)).keys()
    pairs = [] if recipe == NO_PAIRS else [task_of(recipe).name]
    assert list(encoder.counts(full(recipe))) == ["mlm", *pairs]


@EVERY
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("which", [full, partly_filled])
def test_the_loss_is_that_of_the_class_for_the_same_rows(
    name: str, recipe: str, attention: str, which: Which
) -> None:
    encoder, batch = tiny(name, recipe), which(recipe)
    outputs = expected_of(name, recipe, which, attention)
    # Of float32 losses of about 10: one part in a million.
    with torch.no_grad():
        found = loss_of(encoder, batch)
    torch.testing.assert_close(found, outputs.loss, rtol=1e-6, atol=0)


@EVERY
def test_every_part_is_the_mean_over_its_own_predictions(name: str, recipe: str) -> None:
    encoder, batch = tiny(name, recipe), full(recipe)
    rows = padded(recipe, batch)
    outputs = expected_of(name, recipe, full)
    expected = {"mlm": cross_entropy(logits_of(outputs).flatten(0, 1), rows["labels"].flatten())}
    if recipe != NO_PAIRS:
        task = task_of(recipe)
        expected[task.name] = cross_entropy(relations_of(outputs), rows[task.label])
    counts = encoder.counts(batch)
    with torch.no_grad():
        found = mean_losses(encoder(batch), counts)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    assert int(counts["mlm"]) == int((rows["labels"] != IGNORED).sum())
    for part in counts.keys() - {"mlm"}:
        labels = rows[task_of(recipe).label]
        assert 0 < int(counts[part]) == int((labels != IGNORED).sum())


@EVERY
def test_the_gradient_of_every_parameter_is_that_of_the_class(name: str, recipe: str) -> None:
    encoder, batch = tiny(name, recipe).double(), full(recipe)
    hf = unmodified(encoder)
    loss_of(encoder, batch).backward()
    called(hf, padded(recipe, batch)).loss.backward()
    expected = {each: weight.grad for each, weight in hf.named_parameters()}
    found = {each: weight.grad for each, weight in encoder.hf.named_parameters()}
    assert found.keys() == expected.keys()
    largest = max(float(gradient.norm()) for gradient in expected.values())
    for each, gradient in expected.items():
        # In float64 but for the cross entropy, which the trainer computes in float32. The gradient
        # of a key's bias is 0 but for rounding, hence the second term.
        error = float((found[each] - gradient).norm())
        assert error <= 1e-6 * float(gradient.norm()) + 1e-8 * largest, each


@EVERY
def test_right_guesses_are_counted_as_from_the_logits_of_the_class(name: str, recipe: str) -> None:
    encoder, batch = tiny(name, recipe), dict(full(recipe))
    rows = padded(recipe, batch)
    outputs = expected_of(name, recipe, full)
    guesses = logits_of(outputs).argmax(-1)[rows["labels"] != IGNORED]
    # Every third target becomes what the model guesses; rows are packed in the order they are in.
    batch["labels"] = batch["labels"].clone()
    batch["labels"][: len(guesses)][::3] = guesses[::3]
    parts = encoder(batch)
    expected = int((batch["labels"][: len(guesses)] == guesses).sum())
    assert int(parts["mlm"].correct) == expected >= len(guesses) // 3
    if recipe != NO_PAIRS:
        task = task_of(recipe)
        right = int((relations_of(outputs).argmax(-1) == rows[task.label]).sum())
        assert int(parts[task.name].correct) == right


@EVERY
@pytest.mark.parametrize("edited", [0, 1, 2, -1])
def test_no_document_sees_another(name: str, recipe: str, edited: int) -> None:
    encoder, batch = tiny(name, recipe), full(recipe)
    count = int((batch["row_ids"] >= 0).sum())
    begins = batch["cu_seqlens"].tolist()
    changed = edited % count
    begin, end = begins[changed], begins[changed + 1]
    ids = batch["input_ids"].clone()
    ids[0, begin + 1 : end] = (ids[0, begin + 1 : end] + 1001) % 2900 + 5
    before = hidden_of(encoder, batch)
    after = hidden_of(encoder, {**batch, "input_ids": ids})
    same = (before == after).all(-1)
    assert bool(same[:begin].all())
    assert bool(same[end:].all())
    assert not bool(same[begin:end].any())


@EVERY
def test_no_document_sees_the_filler(name: str, recipe: str) -> None:
    encoder, batch = tiny(name, recipe), partly_filled(recipe)
    end = int(batch["num_tokens"])
    ids = batch["input_ids"].clone()
    ids[0, end:] = 77
    edited = {**batch, "input_ids": ids}
    before, after = hidden_of(encoder, batch), hidden_of(encoder, edited)
    assert torch.equal(before[:end], after[:end])
    assert not torch.equal(before[end:], after[end:])
    with torch.no_grad():
        assert torch.equal(loss_of(encoder, batch), loss_of(encoder, edited))


@EVERY
def test_documents_have_the_hidden_states_of_the_class(name: str, recipe: str) -> None:
    encoder, batch = tiny(name, recipe), full(recipe)
    attended = padded(recipe, batch)["attention_mask"].bool()
    expected = expected_of(name, recipe, full).hidden_states[-1][attended]
    found = hidden_of(encoder, batch)[: len(expected)]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@EVERY
def test_a_batch_without_rows_adds_nothing(name: str, recipe: str) -> None:
    encoder, batch = tiny(name, recipe), without_rows(recipe)
    parts, counts = encoder(batch), encoder.counts(batch)
    assert [int(count) for count in counts.values()] == [0] * len(parts)
    assert [int(part.correct) for part in parts.values()] == [0] * len(parts)
    assert [float(part.loss.detach()) for part in parts.values()] == [0.0] * len(parts)
    loss_of(encoder, batch).backward()
    for each, weight in encoder.named_parameters():
        assert weight.grad is not None, each
        assert not bool(weight.grad.any()), each


@EVERY
@pytest.mark.parametrize("which", [full, partly_filled, without_rows])
def test_nothing_is_infinite_and_every_weight_has_a_gradient(
    name: str, recipe: str, which: Which
) -> None:
    encoder, batch = tiny(name, recipe), which(recipe)
    assert bool(hidden_of(encoder, batch).isfinite().all())
    loss_of(encoder, batch).backward()
    for each, weight in encoder.named_parameters():
        assert weight.grad is not None, each
        assert bool(weight.grad.isfinite().all()), each


@EVERY
def test_losses_of_a_step_add_up_over_its_batches(name: str, recipe: str) -> None:
    encoder = tiny(name, recipe)
    batches = [full(recipe), partly_filled(recipe), without_rows(recipe)]
    with torch.no_grad():
        found = [encoder(batch) for batch in batches]
        counts = [encoder.counts(batch) for batch in batches]
        rows = [padded(recipe, batch) for batch in batches[:2]]
        joined = {each: torch.cat([part[each] for part in rows]) for each in rows[0]}
        expected = called(unmodified(encoder), joined).loss
    parts = {
        each: LossTerm(
            sum(one[each].loss for one in found), sum(one[each].correct for one in found)
        )
        for each in found[0]
    }
    totals = {each: sum(one[each] for one in counts) for each in counts[0]}
    total = torch.stack([*mean_losses(parts, totals).values()]).sum()
    torch.testing.assert_close(total, expected, rtol=1e-6, atol=0)


@EVERY
def test_bfloat16_gives_nearly_the_same_loss(name: str, recipe: str) -> None:
    encoder, batch = tiny(name, recipe), full(recipe)
    with torch.no_grad():
        expected = loss_of(encoder, batch)
        with torch.autocast("cpu", torch.bfloat16):
            found = loss_of(encoder, batch)
    assert found.dtype == torch.float32
    # bfloat16 has 8 bits, so a logit of up to 4 is off by up to 2**-7; the mean is much better.
    torch.testing.assert_close(found, expected, rtol=2**-7, atol=0)


@EVERY
def test_positions_begin_where_the_class_has_them_begin(name: str, recipe: str) -> None:
    encoder, batch = tiny(name, recipe), full(recipe)
    pad = opened(recipe).vocabulary.roles["pad"]
    first = pad + 1 if ENCODERS[name].after_padding else 0
    longest = int(batch["position_ids"].max()) + 1
    loss_of(encoder, batch).backward()
    backbone = getattr(encoder.hf, ENCODERS[name].backbone)
    used = backbone.embeddings.position_embeddings.weight.grad.any(-1).nonzero().flatten()
    assert (int(used.min()), int(used.max())) == (first, first + longest - 1)


@EVERY
def test_what_is_saved_loads_with_the_same_weights_and_the_same_loss(
    name: str, recipe: str, tmp_path: Path
) -> None:
    encoder, batch = tiny(name, recipe), full(recipe)
    encoder.save_pretrained(tmp_path / "hf")
    loaded = type(encoder.hf).from_pretrained(tmp_path / "hf")
    assert loaded.config._attn_implementation == "sdpa"
    expected = encoder.hf.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    for each, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, expected[each]), each
    with torch.no_grad():
        outputs, expected_loss = called(loaded, padded(recipe, batch)), loss_of(encoder, batch)
    torch.testing.assert_close(outputs.loss, expected_loss, rtol=1e-6, atol=0)


@EVERY
def test_what_is_saved_loads_as_an_encoder_alone(name: str, recipe: str, tmp_path: Path) -> None:
    encoder = tiny(name, recipe)
    encoder.save_pretrained(tmp_path / "hf")
    loaded = transformers.AutoModel.from_pretrained(tmp_path / "hf")
    backbone = getattr(encoder.hf, ENCODERS[name].backbone)
    for each, tensor in backbone.state_dict().items():
        assert torch.equal(loaded.state_dict()[each], tensor), each


@EVERY
def test_training_goes_on_from_what_is_saved(name: str, recipe: str, tmp_path: Path) -> None:
    encoder, batch = tiny(name, recipe), full(recipe)
    encoder.save_pretrained(tmp_path / "hf")
    seed_torch(99)
    again = load_model(str(tmp_path / "hf"), [opened(recipe)], 512)
    for one, other in zip(again.parameters(), encoder.parameters(), strict=True):
        assert torch.equal(one, other)
    with torch.no_grad():
        # Weights lie elsewhere in memory, and some processors then add in another order.
        torch.testing.assert_close(
            loss_of(again, batch), loss_of(encoder, batch), rtol=1e-6, atol=0
        )


@EVERY
def test_operations_of_a_token_are_those_of_its_matrix_products(name: str, recipe: str) -> None:
    encoder = tiny(name, recipe)
    config = encoder.hf.config
    weights = [
        weight
        for each, weight in encoder.hf.named_parameters()
        if (".encoder.layer." in each or ".albert_layers." in each) and weight.ndim == 2
    ]
    shared_by = config.num_hidden_layers if name == "albert" else 1
    layers = shared_by * sum(weight.numel() for weight in weights)
    scores = config.num_hidden_layers * 2 * config.hidden_size * 100
    embedding = getattr(config, "embedding_size", config.hidden_size)
    head = (config.hidden_size + config.vocab_size) * embedding
    expected = 3 * 2 * (layers + scores + 0.15 * head)
    assert encoder.flops_per_token(100, 0.15) == pytest.approx(expected)


def test_every_family_names_classes_that_exist() -> None:
    for family in ENCODERS.values():
        for kind in filter(None, (family.masked_lm, family.pairs)):
            assert hasattr(transformers, kind)
