"""The embedding of tasks that ERNIE has: every member of a mixture has a number in it."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.nn.functional import cross_entropy

from schemas.errors import UsageError
from tests.support.synthetic_builds import build_folder
from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.encoder import Encoder
from trainer.models.load import load_model
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.losses import total_loss
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES

NAMES = ("bert-wwm", "roberta-wwm-ext", "ernie2-capitals")
LENGTH = 64


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Corpus]:
    root = tmp_path_factory.mktemp("members")
    for name in NAMES:
        recipe = dataclasses.replace(OBJECTIVES[name], copies=1, max_seq_length=LENGTH)
        build_folder(root / name, recipe, shards=1, documents=20)
    return {name: open_local_corpus(root / name) for name in NAMES}


def model_of(folder: Path, corpora: Mapping[str, Corpus], **changes: Any) -> Encoder:
    first, *others = corpora.values()
    fields = {
        "model_type": "ernie",
        "vocab_size": first.vocabulary.size,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": LENGTH,
        "pad_token_id": first.vocabulary.roles["pad"],
        "use_task_id": True,
        "hidden_dropout_prob": 0.0,
        **changes,
    }
    path = folder / "ernie.json"
    path.write_text(json.dumps(fields), "utf-8")
    seed_torch(3, "weights")
    model = load_model(str(path), [first, *others], LENGTH)
    assert isinstance(model, Encoder)
    return model.eval()


def batch_of(corpora: Mapping[str, Corpus], member: int) -> Batch:
    name = NAMES[member]
    return next(iter(ArrowBatches(corpora[name], member=member, batch_tokens=512)))


def loss_of(model: Encoder, batch: Batch) -> torch.Tensor:
    return total_loss(model(batch), model.counts(batch))


@pytest.mark.parametrize("member", range(3))
def test_outputs_are_those_of_hugging_face(
    corpora: dict[str, Corpus], tmp_path: Path, member: int
) -> None:
    model, batch = model_of(tmp_path, corpora), batch_of(corpora, member)
    with torch.no_grad():
        model.hf.ernie.embeddings.task_type_embeddings.weight.mul_(50)
    plain = transformers.ErnieForPreTraining(model.hf.config)
    plain.load_state_dict(model.hf.state_dict())
    plain.eval().set_attn_implementation("eager")
    borders, targets = batch["cu_seqlens"].tolist(), batch["target_positions"]
    losses = dict.fromkeys(range(3), 0.0)
    with torch.no_grad():
        found = model(batch)["mlm"].loss.item()
        for row in range(int((batch["row_ids"] >= 0).sum())):
            cut = slice(borders[row], borders[row + 1])
            inside = (targets >= cut.start) & (targets < cut.stop) & (batch["labels"] >= 0)
            ids = batch["input_ids"][:, cut]
            for number in losses:
                logits = plain(
                    input_ids=ids,
                    token_type_ids=batch["token_type_ids"][:, cut],
                    task_type_ids=torch.full_like(ids, number),
                ).prediction_logits[0]
                at, labels = targets[inside] - cut.start, batch["labels"][inside]
                losses[number] += cross_entropy(logits[at], labels, reduction="sum").item()
    assert found == pytest.approx(losses[member], rel=1e-5)
    others = [losses[number] for number in losses if number != member]
    assert all(abs(other - found) > 1e-4 * found for other in others)


def test_each_member_teaches_its_own_number(corpora: dict[str, Corpus], tmp_path: Path) -> None:
    model = model_of(tmp_path, corpora)
    weight = model.hf.ernie.embeddings.task_type_embeddings.weight
    for member in (0, 2):
        model.zero_grad()
        loss_of(model, batch_of(corpora, member)).backward()
        touched = weight.grad.abs().sum(dim=1) > 0
        assert touched.tolist() == [number == member for number in range(3)]


def test_a_recipe_alone_has_the_first_number(corpora: dict[str, Corpus], tmp_path: Path) -> None:
    alone = {NAMES[0]: corpora[NAMES[0]]}
    model, batch = model_of(tmp_path, alone, task_type_vocab_size=1), batch_of(corpora, 0)
    single = {name: each for name, each in batch.items() if name != "member"}
    assert loss_of(model, single).item() == loss_of(model, batch).item()


def test_models_without_the_embedding_are_given_no_number(
    corpora: dict[str, Corpus], tmp_path: Path
) -> None:
    for changes in ({"use_task_id": False}, {"model_type": "bert"}):
        model = model_of(tmp_path, corpora, task_type_vocab_size=1, **changes)
        first, last = (
            {**batch_of(corpora, 0), "member": torch.tensor(number)} for number in (0, 2)
        )
        assert loss_of(model, first).item() == loss_of(model, last).item()


def test_too_few_numbers(corpora: dict[str, Corpus], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="task_type_vocab_size 2, and the mixture has 3 members"):
        model_of(tmp_path, corpora, task_type_vocab_size=2)


def test_members_are_numbered_in_their_order(corpora: dict[str, Corpus]) -> None:
    members = {
        name: ArrowBatches(corpora[name], member=number, batch_tokens=512)
        for number, name in enumerate(NAMES)
    }
    batches = MixedBatches(members, ((1, 2, 3),), seed=1, accumulation=1)
    marks = ("has_nsp", "has_mlm", "has_capitals")
    found = [(int(batch["member"]), batch) for batch in batches]
    assert sorted(number for number, _ in found) == [0, 1, 1, 2, 2, 2]
    for number, batch in found:
        assert marks[number] in batch
