import functools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from tests.support.sample_builds import corpus
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.encoder import Encoder
from trainer.models.encoder_families import ENCODERS
from trainer.models.load import load_model
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.losses import mean_losses

FAMILY = pytest.mark.parametrize("name", ENCODERS)
TOKENS = {"bert-wwm": 2048, "roberta": 1536}


def recipe_of(name: str) -> str:
    return "bert-wwm" if ENCODERS[name].pairs else "roberta"


@functools.cache
def batches_of(recipe: str) -> tuple[Batch, ...]:
    """Two full batches, the last one, which is partly filled, and one without rows."""
    options: dict[str, Any] = {"batch_tokens": TOKENS[recipe], "checksums": False}
    opened = open_local_corpus(corpus(recipe))
    count = len(ArrowBatches(opened, **options))
    first, second, *_, last, empty = ArrowBatches(opened, **options, batches_per_step=count + 1)
    assert 0 < int(last["num_tokens"]) < int(first["num_tokens"])
    assert int(empty["num_tokens"]) == 0
    return first, second, last, empty


def model_of(name: str) -> Encoder:
    """A small model of a family, without dropout so that runs can be compared."""
    opened = open_local_corpus(corpus(recipe_of(name)))
    config = {
        "model_type": name,
        "vocab_size": opened.vocabulary.size,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 520,
        "type_vocab_size": 2,
        "pad_token_id": opened.vocabulary.roles["pad"],
        "hidden_dropout_prob": 0.0,
        "classifier_dropout_prob": 0.0,
    }
    seed_torch(1, name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps(config), encoding="utf-8")
        encoder: Encoder = load_model(str(path), [opened], 512)
    return encoder


@pytest.fixture(autouse=True)
def _nothing_is_compiled_yet() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def compiled_with(counter: CompileCounter, model: Encoder) -> Any:
    return torch.compile(model, backend=counter, fullgraph=True, dynamic=False)


def loss_and_gradients(
    compiled: Any, model: Encoder, batch: Batch
) -> tuple[Tensor, list[Tensor | None]]:
    model.zero_grad()
    loss = torch.stack([*mean_losses(compiled(batch), model.counts(batch)).values()]).sum()
    loss.backward()
    return loss.detach(), [weight.grad for weight in model.parameters()]


@FAMILY
def test_all_batches_take_one_graph(name: str) -> None:
    counter = CompileCounter()
    compiled = compiled_with(counter, model_of(name))
    for batch in batches_of(recipe_of(name)):
        compiled(batch)
    assert counter.frame_count == 1


@FAMILY
def test_a_compiled_model_gives_the_same_losses_and_gradients(name: str) -> None:
    model = model_of(name)
    compiled = compiled_with(CompileCounter(), model)
    for batch in batches_of(recipe_of(name)):
        expected = loss_and_gradients(model, model, batch)
        found = loss_and_gradients(compiled, model, batch)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_every_shape_in_the_graph_is_fixed() -> None:
    graphs: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    model = model_of("bert")
    torch.compile(model, backend=keep, fullgraph=True, dynamic=False)(batches_of("bert-wwm")[0])
    [graph] = graphs
    made = [node.meta.get("example_value") for node in graph.graph.nodes]
    tensors = [each for each in made if isinstance(each, Tensor)]
    assert len(tensors) > 20
    assert {type(size) for tensor in tensors for size in tensor.shape} == {int}


def test_evaluation_takes_one_graph_more() -> None:
    counter = CompileCounter()
    compiled = compiled_with(counter, model_of("bert"))
    for _ in range(2):
        compiled.train()
        for batch in batches_of("bert-wwm"):
            compiled(batch)
        compiled.eval()
        with torch.no_grad():
            for batch in batches_of("bert-wwm"):
                compiled(batch)
    assert counter.frame_count == 2


def test_bfloat16_takes_one_graph() -> None:
    counter = CompileCounter()
    compiled = compiled_with(counter, model_of("bert"))
    for batch in batches_of("bert-wwm"):
        with torch.autocast("cpu", torch.bfloat16):
            compiled(batch)
    assert counter.frame_count == 1
