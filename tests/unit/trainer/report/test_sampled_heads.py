"""What is shown of each head is what it computes, beside what is right."""

import functools
import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from tests.support.flow_builds import flow_batches, flow_corpus
from tests.support.language_rows import (
    EOD,
    GPT1,
    GPT2,
    TRANSFORMER_XL,
    XLNET,
    causal,
    model_of,
    padded,
    permuted,
    random_rows,
)
from tests.support.language_rows import packed as laid_out
from tests.support.sample_builds import corpus
from tests.support.training_runs import tiny_config
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.load import load_model
from trainer.report.samples import Sampler
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.detection import drawn_by
from trainer.tasks.guesses import Chosen, choose
from transforms.arrays.randomness import rng_for, shuffled
from transforms.build.corpus import Corpus

Samples = list[dict[str, Any]]
IGNORED = -100


@functools.cache
def made(recipe: str, kind: str = "bert") -> tuple[Any, Corpus, Batch]:
    """Returns a small model, the corpus, and a batch of it."""
    build = flow_corpus() if recipe == "ernie-gen" else open_local_corpus(corpus(recipe))
    sizes: dict[str, Any] = {"max_position_embeddings": 512, "initializer_range": 0.3}
    if kind == "electra":
        sizes["embedding_size"] = 12
    seed_torch(1, "weights")
    with tempfile.TemporaryDirectory() as folder:
        config = tiny_config(Path(folder), model_type=kind, num_hidden_layers=1, **sizes)
        model = load_model(str(config), [build], 512).eval()
    if recipe == "ernie-gen":
        return model, build, next(iter(flow_batches(build, shuffle=False)))
    batches = ArrowBatches(build, split="eval", batch_tokens=1024, shuffle=False, checksums=False)
    return model, build, next(iter(batches))


def samples_of(model: Any, build: Corpus, batch: Batch) -> Samples:
    """Returns the samples; nothing is drawn for them from torch's generator."""
    before = torch.get_rng_state()
    with torch.no_grad():
        found = Sampler(model, {"": build}, seed=3).taken(batch, "")
        assert found == Sampler(model, {"": build}, seed=3).taken(batch, "")
    assert torch.equal(before, torch.get_rng_state())
    return found


def of_task(samples: Samples, task: str) -> Samples:
    found = [each for each in samples if each["task"] == task]
    assert found
    return found


@functools.cache
def rows_of(recipe: str) -> tuple[int, ...]:
    """The places in the batch of the rows that are shown."""
    rng = rng_for(3, "samples", "")
    return choose(made(recipe, KINDS.get(recipe, "bert"))[2], 3, lambda n: shuffled(n, rng))[0]


KINDS = {"electra": "electra"}


def hidden_of(model: Any, batch: Batch) -> Tensor:
    with torch.no_grad():
        hidden: Tensor = model._begun(batch)
    return hidden


def test_tokens_are_said_from_the_boundary() -> None:
    model, build, batch = made("spanbert")
    samples = samples_of(model, build, batch)
    with torch.no_grad():
        logits = model.heads["sbo"].logits(model.hf, hidden_of(model, batch), batch)
    words, shown = Tokenizer.from_str(build.tokenizer_json), 0
    for sample in of_task(samples, "sbo"):
        begin = int(batch["cu_seqlens"][rows_of("spanbert")[sample["row"]]])
        for each in sample["predictions"]:
            [target] = (
                (batch["target_positions"] == begin + each["at"]) & (batch["sbo_labels"] >= 0)
            ).nonzero()
            label, best = int(batch["sbo_labels"][target]), int(logits[target[0]].argmax())
            assert each["right"] == words.id_to_token(label).removeprefix("##")
            expected = words.id_to_token(best) or f"#{best}"
            assert each["best"][0][0] == expected.removeprefix("##")
            shown += 1
    assert shown >= 4


def test_entities_are_those_of_the_batch() -> None:
    model, build, batch = made("ernie-thu")
    samples = samples_of(model, build, batch)
    with torch.no_grad():
        logits = model.heads["dea"].logits(model.hf, hidden_of(model, batch), batch)
    numbers, shown = batch["entity_candidates"].tolist(), 0
    for sample in of_task(samples, "dea"):
        begin = int(batch["cu_seqlens"][rows_of("ernie-thu")[sample["row"]]])
        for each in sample["predictions"]:
            [target] = (
                (batch["entity_positions"] == begin + each["at"]) & (batch["entity_labels"] >= 0)
            ).nonzero()
            right = numbers[int(batch["entity_labels"][target])]
            best = numbers[int(logits[target[0]].argmax())]
            assert each["right"] == build.entities[right]
            assert each["best"][0][0] == build.entities[best]
            shown += 1
    assert shown >= 4


def test_a_row_picks_an_ngram_of_the_batch() -> None:
    model, build, batch = made("infoword")
    samples = samples_of(model, build, batch)
    with torch.no_grad():
        scores, labels = model.heads["ngram"]._scores(model.hf, hidden_of(model, batch), batch)
    words = Tokenizer.from_str(build.tokenizer_json)
    borders, ids = batch["ngram_cu_seqlens"].tolist(), batch["ngram_input_ids"][0].tolist()
    texts = [words.decode(ids[a + 1 : b - 1]) for a, b in itertools.pairwise(borders)]
    for sample in of_task(samples, "ngram"):
        number = batch["ngram_rows"].tolist().index(rows_of("infoword")[sample["row"]])
        [each] = sample["predictions"]
        assert int(labels[number]) == number
        assert each["at"] == -1
        assert each["right"].replace(" ", "") == texts[number].replace(" ", "")
        picked = texts[int(scores[number].argmax())]
        assert each["best"][0][0].replace(" ", "") == picked.replace(" ", "")


def test_the_discriminator_judges_tokens_that_the_generator_draws() -> None:
    model, build, batch = made("electra", "electra")
    samples = samples_of(model, build, batch)
    verdicts = [each for sample in of_task(samples, "rtd") for each in sample["predictions"]]
    for each in verdicts:
        [(said, share)] = each["best"]
        word, verdict = said.rsplit(": ", 1)
        assert each["correct"] == ((verdict == "replaced") == (word != each["right"]))
        assert 0.5 <= share <= 1
    # The places are those of the generator, and a few that are left as they are.
    for generated, judged in zip(of_task(samples, "mlm"), of_task(samples, "rtd"), strict=True):
        asked = {each["at"] for each in generated["predictions"]}
        left = [each for each in judged["predictions"] if each["at"] not in asked]
        assert len(judged["predictions"]) == len(asked) + 2
        assert all(each["best"][0][0].startswith(f"{each['right']}: ") for each in left)
        assert all(each["right"] == judged["text"][each["at"]].strip() for each in left)


def test_ids_are_drawn_with_their_probabilities() -> None:
    shares = torch.tensor([0.7, 0.0, 0.3])
    found = drawn_by(shares.log().expand(4000, 3), rng_for(1, "test"))
    counts = torch.bincount(found, minlength=3).tolist()
    assert counts[1] == 0
    # Five standard deviations of 29.
    assert abs(counts[0] - 2800) < 145
    assert drawn_by(shares.log().expand(4000, 3), rng_for(1, "test")).equal(found)


def test_flows_say_the_tokens_of_the_target() -> None:
    model, build, batch = made("ernie-gen")
    samples = samples_of(model, build, batch)
    words = Tokenizer.from_str(build.tokenizer_json)
    for name in ("word_flow", "span_flow"):
        positions, labels = (
            ("target_positions", "labels")
            if name == "word_flow"
            else (f"{name}_positions", f"{name}_labels")
        )
        with torch.no_grad():
            logits = model.heads[name].logits(model.hf, hidden_of(model, batch), batch)
        for sample in of_task(samples, name):
            row = rows_of("ernie-gen")[sample["row"]]
            begin, end = batch["cu_seqlens"][row : row + 2].tolist()
            at = batch[positions]
            own = ((at >= begin) & (at < end) & (batch[labels] != IGNORED)).nonzero().flatten()
            target = [words.id_to_token(number) for number in batch[labels][own].tolist()]
            assert [each.strip() for each in sample["target"]] == [
                each.removeprefix("##") for each in target
            ]
            source = int((batch["ranks"][0, begin:end] == 0).sum())
            assert len(sample["text"]) == source
            assert sample["predictions"]
            for each in sample["predictions"]:
                number = own[each["at"]]
                assert each["right"] == target[each["at"]].removeprefix("##")
                best = int(logits[number].argmax())
                expected = words.id_to_token(best) or f"#{best}"
                assert each["best"][0][0] == expected.removeprefix("##")


ROWS = [random_rows(1, length, seed)[0] for seed, length in enumerate((17, 9, 2))]


def chosen_in(batch: Batch) -> Chosen:
    rows, begins, ends = choose(batch, 1, lambda count: torch.arange(count).numpy())
    return Chosen(
        rows=rows,
        begins=begins,
        ends=ends,
        most=1,
        words=str,
        text=lambda ids: " ".join(map(str, ids)),
        classes={},
        rng=rng_for(1, "test"),
    )


def with_rows(batch: Batch) -> Batch:
    return {**batch, "row_ids": torch.tensor([0, 1, 2])}


def greedy(hf: Any, ids: Tensor, count: int) -> list[int]:
    """The most probable tokens by the class of `transformers`, one after the other."""
    for _ in range(count):
        ids = torch.cat([ids, hf(input_ids=ids[None]).logits[0, -1:].argmax(-1)])
    return ids[-count:].tolist()


@pytest.mark.parametrize("kind", ["gpt2", "openai-gpt", "transformer-xl"])
def test_the_continuation_is_the_greedy_one(kind: str, tmp_path: Path) -> None:
    if kind == "transformer-xl":
        model = model_of(tmp_path, causal(kind, memory=4), **TRANSFORMER_XL).eval()
        batch: Batch = {**padded(ROWS, 16, empty=0), "reset": torch.ones(3, dtype=torch.bool)}
    else:
        fields, lay_out = (GPT2, laid_out) if kind == "gpt2" else (GPT1, padded)
        model = model_of(tmp_path, causal(), **fields).eval()
        batch = lay_out(ROWS, 48) if kind == "gpt2" else padded(ROWS, 16, empty=0)
    with torch.no_grad():
        found = model.guesses(with_rows(batch), chosen_in(with_rows(batch)))
        [guess] = found["continuation"]
        # Rows are seen without their last tokens: 8 of 16 are given, and 8 are written.
        assert (guess.row, guess.at, guess.correct) == (0, 8, None)
        assert guess.right == " ".join(map(str, ROWS[0][8:16].tolist()))
        [(said, share)] = guess.best
        assert share is None
        if kind == "gpt2":
            hf = type(model.hf)._from_config(model.hf.config, attn_implementation="eager").eval()
            hf.load_state_dict(model.hf.state_dict())
            assert said == " ".join(map(str, greedy(hf, ROWS[0][:8], 8)))
        else:
            # Given what it wrote, the model says the same again.
            written = [int(number) for number in said.split()]
            ids = ROWS[0][:8]
            for number in written:
                assert int(model._following(ids).argmax()) == number
                ids = torch.cat([ids, torch.tensor([number])])
            assert len(written) == 8


@pytest.mark.parametrize(("streams", "backward"), [(1, False), (2, False), (2, True)])
def test_the_token_behind_is_predicted_by_the_query_stream(
    streams: int, backward: bool, tmp_path: Path
) -> None:
    model = model_of(tmp_path, permuted(streams=streams), **XLNET).eval()
    ids, length = ROWS[0][:7], 7
    # As the class has it: nobody sees the last token, which is predicted. The second half of the
    # rows has the distances of the other direction.
    mask = torch.zeros(streams, length + 1, length + 1)
    mask[:, :, length] = 1
    target = torch.zeros(streams, 1, length + 1)
    target[:, 0, length] = 1
    with torch.no_grad():
        expected = model.hf(
            input_ids=torch.cat([ids, torch.tensor([EOD])]).repeat(streams, 1),
            perm_mask=mask,
            target_mapping=target,
        ).logits[-1 if backward else 0, 0]
        found = model._following(ids, backward=backward)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
