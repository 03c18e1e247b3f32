"""Columns of causal and permuted language models, and what the models of others make of them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.folder.corpus import open_corpus
from tests.support.sample_builds import corpus, shard_paths
from transforms.build.standard_columns import standard_columns, standard_schema
from transforms.contract.stored import StoredBatch
from transforms.objectives.settings import changed

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
FORMAT = (Path(__file__).resolve().parents[4] / "docs" / "format.md").read_text("utf-8")


def rows_of(name: str, settings: dict[str, Any], copy: int = 0) -> list[dict[str, Any]]:
    """Returns rows as an export has them, of a recipe with other settings that change no bytes."""
    opened = open_corpus(str(corpus(name)))
    recipe = changed(opened.recipe, settings)
    with pa.ipc.open_file(str(shard_paths(corpus(name))[0])) as file:
        views = StoredBatch.views(file.get_batch(0), recipe.rules, opened.vocabulary)
    table = standard_columns(views, copy, recipe, opened.vocabulary)
    assert table.schema == standard_schema(recipe)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def stored_starts(name: str) -> list[list[int]]:
    with pa.ipc.open_file(str(shard_paths(corpus(name))[0])) as file:
        starts: list[list[int]] = file.get_batch(0).column("document_starts").to_pylist()
    return starts


@pytest.mark.parametrize("keep_apart", [False, True])
@pytest.mark.parametrize("after_end", [False, True])
def test_what_is_not_predicted_is_ignored(keep_apart: bool, after_end: bool) -> None:
    settings = {"predict.keep_apart": keep_apart, "predict.after_document_end": after_end}
    end = open_corpus(str(corpus("transformer-xl"))).vocabulary.eod
    left_out = 0
    for row, starts in zip(
        rows_of("transformer-xl", settings), stored_starts("transformer-xl"), strict=True
    ):
        ids = row["input_ids"]
        ignored = {0}
        if keep_apart:
            ignored |= {*starts}
        if not after_end:
            ignored |= {at + 1 for at, token in enumerate(ids) if token == end} - {len(ids)}
        assert row["labels"] == [-100 if at in ignored else ids[at] for at in range(len(ids))]
        assert ("position_ids" in row) == keep_apart
        assert "token_type_ids" not in row
        if keep_apart:
            begins = [max(b for b in (0, *starts) if b <= at) for at in range(len(ids))]
            assert row["position_ids"] == [at - begin for at, begin in enumerate(begins)]
        left_out += len(ignored) - 1
    assert (left_out > 0) == (keep_apart or not after_end)


def test_a_model_predicts_from_every_token_but_the_last() -> None:
    rows = rows_of("transformer-xl", {})[:2]
    ids, labels = (torch.tensor([row[name] for row in rows]) for name in ("input_ids", "labels"))
    model = tiny_llama()
    out = model(input_ids=ids, labels=labels)
    logits = out.logits[:, :-1].reshape(-1, out.logits.shape[-1])
    wanted = torch.nn.functional.cross_entropy(logits, ids[:, 1:].reshape(-1))
    torch.testing.assert_close(out.loss, wanted)


def test_documents_are_kept_apart_by_their_positions() -> None:
    rows = rows_of("transformer-xl", {"predict.keep_apart": True})
    starts = stored_starts("transformer-xl")
    number = next(at for at, each in enumerate(starts) if each and 20 < each[-1] < 120)
    begin = starts[number][-1]
    ids = torch.tensor([rows[number]["input_ids"]])
    positions = torch.tensor([rows[number]["position_ids"]])
    model = tiny_llama().eval()
    with torch.no_grad():
        together = model(input_ids=ids, position_ids=positions, use_cache=False).logits
        alone = model(input_ids=ids[:, begin:], use_cache=False).logits
        mixed = model(input_ids=ids, use_cache=False).logits
    torch.testing.assert_close(together[:, begin:], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(mixed[:, begin:], alone, rtol=1e-2, atol=1e-3)


def tiny_llama() -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=4000,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        initializer_range=0.5,
    )
    return transformers.LlamaForCausalLM(config)


def documented_collator(reuse_len: int) -> Any:
    [code] = [
        each for each in re.findall(r"```python\n(.*?)```", FORMAT, re.S) if "XLNetCollator" in each
    ]
    names: dict[str, Any] = {}
    exec(code, names)
    return names["XLNetCollator"](reuse_len)


@pytest.mark.parametrize("copy", [0, 2])
def test_the_documented_collator_hides_what_a_token_does_not_see(copy: int) -> None:
    rows = rows_of("xlnet", {}, copy)[:3]
    length, reuse_len = (
        len(rows[0]["input_ids"]),
        open_corpus(str(corpus("xlnet"))).recipe.rules.reuse_len,
    )
    batch = documented_collator(reuse_len)(rows)
    for number, row in enumerate(rows):
        ranks, special = row["perm_ranks"], row["special_tokens_mask"]
        hidden = np.zeros((length, length))
        for query in range(length):
            for key in range(length):
                early, late = query < reuse_len, key >= reuse_len
                if early == late:
                    hidden[query, key] = early
                elif ranks[key] >= 0:
                    # Those without a rank see none that has one; special tokens see themselves.
                    later = ranks[query] < ranks[key]
                    itself = query == key and not special[query]
                    hidden[query, key] = later or itself
        assert batch["perm_mask"][number].tolist() == hidden.tolist()
        targets = [at for at in range(length) if row["labels"][at] != -100]
        assert targets == [at for at in range(length) if ranks[at] >= 0 and not special[at]]
        mapping = batch["target_mapping"][number]
        assert mapping.argmax(1).tolist()[: len(targets)] == targets
        assert (mapping.sum(1) == 1).all()
        assert batch["labels"][number].tolist()[: len(targets)] == [
            row["input_ids"][at] for at in targets
        ]


def test_xlnet_trains_on_batches_of_the_documented_collator() -> None:
    rows = rows_of("xlnet", {})[:2]
    vocabulary = open_corpus(str(corpus("xlnet"))).vocabulary
    batch = documented_collator(len(rows[0]["input_ids"]) // 2)(rows)
    torch.manual_seed(0)
    config = transformers.XLNetConfig(
        vocab_size=vocabulary.size, d_model=16, n_layer=2, n_head=2, d_inner=32, dropout=0.0
    )
    model = transformers.XLNetLMHeadModel(config)
    loss = model(**batch).loss
    loss.backward()
    assert abs(loss.item() - np.log(vocabulary.size)) < 0.5
    # What stands at a target is not seen where it is predicted: of both halves, the first in order.
    first = [row["perm_ranks"].index(0) for row in rows]
    assert all(row["labels"][at] != -100 for row, at in zip(rows, first, strict=True))
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    for number, at in enumerate(first):
        other["input_ids"][number, at] = vocabulary.roles["unk"]
    place = [
        int((batch["target_mapping"][number].argmax(1) == at).nonzero()[0])
        for number, at in enumerate(first)
    ]
    model.eval()
    with torch.no_grad():
        was, now = (model(**each).logits for each in (batch, other))
    for number, at in enumerate(place):
        torch.testing.assert_close(was[number, at], now[number, at])
    assert not torch.equal(was, now)
