"""The task of entities: what batches have for it, what its head and the fused layers compute."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch._dynamo.testing import CompileCounter
from torch.nn.functional import cross_entropy, gelu, layer_norm, softmax

from schemas.columns import ENTITY_IDS
from schemas.errors import UsageError
from schemas.records import Array
from tests.support.sample_builds import corpus
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.encoder import Encoder
from trainer.models.encoder_families import ENCODERS
from trainer.models.entity_embeddings import read_embeddings
from trainer.models.load import load_model
from trainer.rows.layouts import Batch, Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.stored_rows import Rows
from trainer.seeding import seed_torch
from trainer.tasks.entities import EntityTask
from trainer.tasks.entity_fusion import fused_layers
from trainer.tasks.losses import mean_losses
from trainer.tasks.of_recipes import tasks_of
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import rng_for
from transforms.build.corpus import Corpus
from transforms.contract.oracle import rate, uniformity
from transforms.objectives import OBJECTIVES

TASK = EntityTask()
NONE = -100


def masked(*rows: list[int], seed: int = 0, batch: int = 0) -> MaskedRows:
    """Returns rows, given the entity of each token or -100."""
    numbers = np.concatenate([np.array(row, np.int32) for row in rows] or [np.empty(0, np.int32)])
    lengths = np.array([len(row) for row in rows], np.int64)
    tokens = Ragged.from_lengths(np.arange(len(numbers)).astype(np.uint16), lengths)
    stored = Rows(tokens, lengths, None, {ENTITY_IDS: numbers})
    key = (seed, "thu", 0, batch)
    nothing = np.empty(0, np.int64)
    return MaskedRows(stored, tokens.values, nothing, nothing, key=key)


def packed(rows: MaskedRows, aligned: int = 16, most: int = 5) -> dict[str, Array]:
    layout = Packed(
        tokens=40,
        targets=8,
        rows=4,
        longest=20,
        pad=0,
        pair_label=None,
        aligned=aligned,
        row_aligned=most,
    )
    return TASK.packed(rows, layout)


ROWS = [NONE, 70, 5, NONE, 70], [9, NONE, 70, NONE], [NONE, 5, 300, 9, 8, NONE]


def test_labels_are_the_original_entities_whatever_is_seen() -> None:
    changed = removed = 0
    for seed in range(200):
        found = packed(masked(*ROWS, seed=seed))
        assert {name: array.shape for name, array in found.items()} == {
            **dict.fromkeys(found, (16,)),
            "entity_grid": (4, 5),
        }
        assert found["entity_candidates"].tolist() == [5, 8, 9, 70, 300, *[-1] * 11]
        assert found["entity_positions"].tolist() == [1, 2, 4, 5, 7, 10, 11, 12, 13, *[0] * 7]
        assert found["entity_labels"].tolist() == [3, 0, 3, 2, 3, 0, 4, 2, 1, *[NONE] * 7]
        at, inputs = found["entity_input_positions"], found["entity_inputs"]
        shown = int((inputs >= 0).sum())
        assert (inputs[shown:] == -1).all()
        assert (at[shown:] == 0).all()
        positions, labels = (
            found[name].tolist()[:9] for name in ("entity_positions", "entity_labels")
        )
        label_of = dict(zip(positions, labels, strict=True))
        seen = dict(zip(at[:shown].tolist(), inputs[:shown].tolist(), strict=True))
        assert list(seen) == sorted(seen)
        assert seen.keys() <= label_of.keys()
        changed += sum(entity != label_of[place] for place, entity in seen.items())
        removed += 9 - shown
        borders = [0, 5, 9, 15]
        for row, cells in enumerate(found["entity_grid"].tolist()):
            places = [number for number in cells if number >= 0]
            assert cells == places + [-1] * (5 - len(places))
            if row < 3:
                low, high = borders[row : row + 2]
                assert [at[number] for number in places] == [p for p in seen if low <= p < high]
            assert [found["entity_cells"][n] for n in places] == [
                5 * row + column for column in range(len(places))
            ]
    assert changed > 0
    assert removed > 0


def test_a_batch_is_drawn_by_its_key_alone() -> None:
    def seen(**key: int) -> list[int]:
        found: list[int] = packed(masked(*ROWS, **key))["entity_inputs"].tolist()
        return found

    assert seen(seed=1, batch=2) == seen(seed=1, batch=2)
    assert len({tuple(seen(seed=1, batch=batch)) for batch in range(40)}) > 10
    assert len({tuple(seen(seed=seed)) for seed in range(40)}) > 10


def test_nothing_is_replaced_where_there_is_one_entity() -> None:
    for seed in range(50):
        found = packed(masked([NONE, 7, 7, NONE, 7], seed=seed))
        assert set(found["entity_inputs"].tolist()) <= {0, -1}


def test_a_batch_without_rows() -> None:
    found = packed(masked())
    for name in ("entity_candidates", "entity_inputs", "entity_grid"):
        assert (found[name] == -1).all()
    assert (found["entity_labels"] == NONE).all()


def test_padded_batches_have_the_same_at_the_tokens() -> None:
    layout = Padded(rows=4, longest=6, pad=0, pair_label=None)
    rows = masked(*ROWS, seed=3)
    found, other = TASK.padded(rows, layout), packed(rows)
    labels, inputs = found["entity_labels"], found["entity_inputs"]
    assert labels.tolist() == [
        [NONE, 3, 0, NONE, 3, NONE],
        [2, NONE, 3, NONE, NONE, NONE],
        [NONE, 0, 4, 2, 1, NONE],
        [NONE] * 6,
    ]
    shown = other["entity_inputs"]
    assert inputs[inputs >= 0].tolist() == shown[shown >= 0].tolist()
    assert ((inputs >= 0) <= (labels != NONE)).all()
    candidates = other["entity_candidates"].tolist()
    assert found["entity_candidates"].tolist() == [*candidates, *[-1] * 8]


def test_entities_are_replaced_and_removed_as_often_as_they_should_be() -> None:
    entities, count = 40, 100_000
    numbers = rng_for(0, "entities").integers(0, entities, count).tolist()
    layout = Padded(rows=1, longest=count, pad=0, pair_label=None)
    found = TASK.padded(masked(numbers, seed=5), layout)
    labels, inputs = found["entity_labels"].ravel(), found["entity_inputs"].ravel()
    assert found["entity_candidates"].ravel()[:entities].tolist() == list(range(entities))
    assert labels.tolist() == numbers
    removed, replaced = inputs == -1, (inputs >= 0) & (inputs != labels)
    assert rate("removed", int(removed.sum()), count, 0.15).holds
    assert rate("replaced", int(replaced.sum()), count, 0.05).holds
    # Every other entity with the same chance: the step to it is uniform.
    steps = (inputs - labels)[replaced] % entities
    counts = np.bincount(steps, minlength=entities).tolist()
    assert counts[0] == 0
    assert uniformity("replacements", counts[1:], [1.0] * (entities - 1)).holds


@functools.cache
def opened() -> Corpus:
    return open_local_corpus(corpus("ernie-thu"))


@functools.cache
def batches() -> tuple[Batch, ...]:
    """A full batch, one that is partly filled, and one without rows."""
    options: dict[str, Any] = {"batch_tokens": 2048, "checksums": False}
    count = len(ArrowBatches(opened(), **options))
    first, *_, last, empty = ArrowBatches(opened(), **options, batches_per_step=count + 1)
    assert int(empty["num_tokens"]) == 0
    assert 0 < int(last["num_tokens"]) < int(first["num_tokens"])
    return first, last, empty


def tiny(folder: Path, layers: int = 4, **changes: Any) -> Encoder:
    config = transformers.BertConfig(
        vocab_size=opened().vocabulary.size,
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=256,
        pad_token_id=0,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    config.save_pretrained(folder)
    seed_torch(1, "tiny")
    encoder: Encoder = load_model(str(folder / "config.json"), [opened()], 256, **changes)
    # What begins near 0 would hide what is wrong.
    with torch.no_grad():
        for weight in encoder.heads.parameters():
            weight += 0.3 * torch.randn_like(weight)
    return encoder


def hidden_of(encoder: Encoder, batch: Batch) -> torch.Tensor:
    found: list[torch.Tensor] = []
    hook = encoder.hf.bert.register_forward_hook(
        lambda _module, _inputs, outputs: found.append(outputs.last_hidden_state[0])
    )
    with torch.no_grad():
        encoder(batch)
    hook.remove()
    return found[0]


def test_batches_of_a_build_tell_its_entities(tmp_path: Path) -> None:
    assert [task.name for task in tasks_of(OBJECTIVES["ernie-thu"])] == ["mlm", "nsp", "dea"]
    names = set()
    for batch in batches():
        told = int((batch["entity_labels"] != NONE).sum())
        rows = int((batch["row_ids"] >= 0).sum())
        assert told >= 5 * rows
        labels = batch["entity_labels"][:told]
        names |= {opened().entities[n] for n in batch["entity_candidates"][labels].tolist()}
    assert len(names) > 100


def by_hand(encoder: Encoder, batch: Batch, row: int) -> torch.Tensor:
    """Computes one row token by token as the paper has it."""
    begin, end = batch["cu_seqlens"][row : row + 2].tolist()
    hf: Any = encoder.hf.bert
    head: Any = encoder.heads["dea"]
    states = hf.embeddings(
        input_ids=batch["input_ids"][:, begin:end],
        token_type_ids=batch["token_type_ids"][:, begin:end],
        position_ids=batch["position_ids"][:, begin:end],
    )[0]
    seen = {}
    for place, entity in zip(
        batch["entity_input_positions"].tolist(), batch["entity_inputs"].tolist(), strict=True
    ):
        if entity >= 0 and begin <= place < end:
            number = batch["entity_candidates"][entity]
            seen[place - begin] = head.entities.weight[number]
    first = len(hf.encoder.layer) - len(head.fusions)
    for number, layer in enumerate(hf.encoder.layer):
        attention, width = layer.attention, states.shape[1] // 2
        query, key, value = (
            getattr(attention.self, name)(states).view(-1, 2, width).transpose(0, 1)
            for name in ("query", "key", "value")
        )
        weights = softmax(query @ key.transpose(1, 2) / width**0.5, -1)
        mixed = (weights @ value).transpose(0, 1).reshape(len(states), -1)
        states = attention.output(mixed, states)
        fusion: Any = head.fusions[number - first] if number >= first else None
        if fusion is not None and fusion.attention is not None:
            seen = attended(fusion.attention, seen)
        inner = layer.intermediate.dense(states)
        if fusion is not None:
            for place, entity in seen.items():
                inner[place] = inner[place] + fusion.enter.weight @ entity
        inner = gelu(inner)
        states = layer.output(inner, states)
        if fusion is not None and fusion.leave is not None:
            seen = {
                place: normed(fusion.norm, entity + fusion.leave(inner[place]))
                for place, entity in seen.items()
            }
    return states


def attended(attention: Any, seen: dict[int, torch.Tensor]) -> dict[int, torch.Tensor]:
    if not seen:
        return {}
    states = torch.stack(list(seen.values()))
    query, key, value = attention.qkv(states).view(len(states), 3, 4, -1).permute(1, 2, 0, 3)
    weights = softmax(query @ key.transpose(1, 2) / key.shape[-1] ** 0.5, -1)
    mixed = attention.out((weights @ value).transpose(0, 1).reshape(len(states), -1))
    return dict(zip(seen, normed(attention.norm, states + mixed), strict=True))


def normed(norm: Any, states: torch.Tensor) -> torch.Tensor:
    return layer_norm(states, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("row", [0, 2])
def test_fused_layers_compute_what_the_paper_says(tmp_path: Path, which: int, row: int) -> None:
    encoder, batch = tiny(tmp_path, layers=5), batches()[which]
    assert len(encoder.heads["dea"].fusions) == 3  # type: ignore[arg-type]
    begin, end = batch["cu_seqlens"][row : row + 2].tolist()
    with torch.no_grad():
        expected = by_hand(encoder, batch, row)
    found = hidden_of(encoder, batch)[begin:end]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_entities_are_seen_in_their_row_and_nowhere_else(tmp_path: Path) -> None:
    encoder, batch = tiny(tmp_path), batches()[0]
    before = hidden_of(encoder, batch)
    begin, end = batch["cu_seqlens"][1:3].tolist()
    at = batch["entity_input_positions"]
    ours = (at >= begin) & (at < end) & (batch["entity_inputs"] >= 0)
    assert int(ours.sum()) > 3
    inputs = batch["entity_inputs"].clone()
    inputs[ours] = (inputs[ours] + 1) % 20
    after = hidden_of(encoder, {**batch, "entity_inputs": inputs})
    same = (before == after).all(-1)
    assert bool(same[:begin].all())
    assert bool(same[end:].all())
    assert not bool(same[begin:end].any())


def test_without_entities_the_model_is_that_of_hugging_face(tmp_path: Path) -> None:
    encoder, batch = tiny(tmp_path), batches()[0]
    marked = {**batch, "has_mlm": torch.ones(()), "has_nsp": torch.ones(())}
    blind = {**batch, "entity_inputs": torch.full_like(batch["entity_inputs"], -1)}
    expected = hidden_of(encoder, marked)
    assert not torch.equal(hidden_of(encoder, batch), expected)
    assert torch.equal(hidden_of(encoder, blind), expected)
    assert encoder(marked).keys() == {"mlm", "nsp"}
    config = transformers.BertConfig.from_pretrained(tmp_path / "config.json")
    plain = transformers.BertModel(config, add_pooling_layer=False).eval()
    plain.load_state_dict(encoder.hf.bert.state_dict(), strict=False)
    end = int(batch["cu_seqlens"][1])
    outputs = plain(
        input_ids=batch["input_ids"][:, :end], token_type_ids=batch["token_type_ids"][:, :end]
    )
    found = outputs.last_hidden_state[0]
    torch.testing.assert_close(found, expected[:end], rtol=1e-5, atol=1e-5)


def test_the_loss_is_that_of_a_choice_among_the_candidates(tmp_path: Path) -> None:
    encoder = tiny(tmp_path)
    head: Any = encoder.heads["dea"]
    for batch in batches()[:2]:
        hidden = hidden_of(encoder, batch)
        losses, right = [], 0
        candidates = [n for n in batch["entity_candidates"].tolist() if n >= 0]
        for place, label in zip(
            batch["entity_positions"].tolist(), batch["entity_labels"].tolist(), strict=True
        ):
            if label != NONE:
                guess = head.answer(hidden[place])
                scores = torch.stack([head.entities.weight[n] @ guess for n in candidates])
                losses.append(cross_entropy(scores, torch.tensor(label)))
                right += int(scores.argmax()) == label
        with torch.no_grad():
            part = encoder(batch)["dea"]
        assert int(encoder.counts(batch)["dea"]) == len(losses)
        assert int(part.correct) == right
        torch.testing.assert_close(part.loss, torch.stack(losses).sum().detach())


def test_every_weight_has_a_gradient_also_without_rows(tmp_path: Path) -> None:
    encoder = tiny(tmp_path)
    full, _, empty = batches()
    for batch in (full, empty):
        encoder.zero_grad()
        means = mean_losses(encoder(batch), encoder.counts(batch))
        torch.stack(list(means.values())).sum().backward()
        for name, weight in encoder.named_parameters():
            assert weight.grad is not None, name
            assert bool(weight.grad.isfinite().all()), name
            assert bool(weight.grad.any()) == (batch is full), name


def test_a_model_is_compiled_once_for_all_batches(tmp_path: Path) -> None:
    torch._dynamo.reset()
    encoder, counter = tiny(tmp_path), CompileCounter()
    compiled = torch.compile(encoder, dynamic=False, backend=counter)
    for batch in batches():
        with torch.no_grad():
            expected = {name: part.loss for name, part in encoder(batch).items()}
            found = {name: part.loss for name, part in compiled(batch).items()}
        torch.testing.assert_close(found, expected)
    assert counter.frame_count == 1


def test_what_is_saved_belongs_to_its_entities(tmp_path: Path) -> None:
    encoder, batch = tiny(tmp_path), batches()[0]
    encoder.save_pretrained(tmp_path / "hf")
    assert (tmp_path / "hf" / "entities.txt").read_text("utf-8").splitlines() == list(
        opened().entities
    )
    again = load_model(str(tmp_path / "hf"), [opened()], 256)
    with torch.no_grad():
        assert torch.equal(again(batch)["dea"].loss, encoder(batch)["dea"].loss)
    assert again.notice == ""
    # As many entities, but others: their embeddings would be those of the wrong ones.
    (tmp_path / "hf" / "entities.txt").write_text("Q1\n" * len(opened().entities), "utf-8")
    assert "new heads: dea" in load_model(str(tmp_path / "hf"), [opened()], 256).notice


def test_given_embeddings_are_not_trained(tmp_path: Path) -> None:
    given = rng_for(0, "given").standard_normal((len(opened().entities), 6)).astype(np.float32)
    np.save(tmp_path / "entities.npy", given)
    encoder = tiny(tmp_path, entity_embeddings=str(tmp_path / "entities.npy"))
    head: Any = encoder.heads["dea"]
    assert not head.entities.weight.requires_grad
    assert head.answer.out_features == 6
    seed_torch(1, "tiny")
    config = str(tmp_path / "config.json")
    fresh = load_model(config, [opened()], 256, str(tmp_path / "entities.npy"))
    assert np.array_equal(fresh.heads["dea"].entities.weight.numpy(), given)


def write(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def test_embeddings_are_read_by_id(tmp_path: Path) -> None:
    text = "3 2\nQ2 1 2\nQ10 3 4.5\nQ7 5 6\n"
    expected = [[3, 4.5], [1, 2]]
    for content in (text, text.partition("\n")[2]):
        found = read_embeddings(write(tmp_path / "a.vec", content), ["Q10", "Q2"])
        assert found.dtype == np.float32
        assert found.tolist() == expected
    np.save(tmp_path / "a.npy", np.array(expected))
    assert read_embeddings(str(tmp_path / "a.npy"), ["Q10", "Q2"]).tolist() == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Q1 1 2\n", "has no numbers for 1 of 2 entities (Q2, ...)"),
        ("Q1 1 2\nQ2 1\n", "lines have 1 to 2 numbers"),
        ("Q1 1 2\nQ2 1 x\n", "cannot be read"),
        ("Q1 1 2\nQ2 1 nan\n", "must hold finite numbers of shape (2, d)"),
        (None, "cannot be read"),
    ],
)
def test_embeddings_that_do_not_fit_are_told(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.vec"
    if text is not None:
        write(path, text)
    with pytest.raises(UsageError) as told:
        read_embeddings(str(path), ["Q1", "Q2"])
    assert str(told.value).startswith(f"--entity-embeddings {path}")
    assert said in str(told.value)
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    with pytest.raises(UsageError, match=r"its shape is \(3, 2\)"):
        read_embeddings(str(tmp_path / "a.npy"), ["Q1", "Q2"])


def test_what_does_not_go_with_entities_is_refused(tmp_path: Path) -> None:
    bert = open_local_corpus(corpus("bert"))
    with pytest.raises(UsageError, match="is not aligned with entities; leave it out"):
        load_model("bert-tiny", [bert], 128, "some.npy")
    with pytest.raises(UsageError, match="is not for your own --model"):
        load_model("module:callable", [opened()], 256, "some.npy")
    with pytest.raises(UsageError, match="those of this one share their weights"):
        load_model("albert-base", [opened()], 256)
    assert ENCODERS["albert"].layers is None
    assert [fused_layers(n) for n in (1, 2, 4, 12, 24)] == [1, 1, 2, 7, 14]
