"""Encoder-decoders compute what the classes of Hugging Face do for the same pairs."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch._dynamo.testing import CompileCounter
from torch.nn.functional import cross_entropy

from schemas.errors import UsageError
from tests.support.language_rows import GPT2, corpus_of
from tests.support.pair_batches import (
    BART,
    END,
    IGNORED,
    KINDS,
    PAD,
    PROPHETNET,
    T5,
    mean_loss,
    pair_model,
    paired,
    pairs,
)
from trainer.models.load import load_model
from trainer.tasks.next_tokens import set_penalties
from trainer.tasks.vocabulary_loss import Penalties
from transforms.objectives import OBJECTIVES

SOURCES, TARGETS = [9, 4, 1], [5, 6, 2]
EVERY = pytest.mark.parametrize("kind", KINDS)
PLAIN = pytest.mark.parametrize("kind", ["t5", "bart"])
HF = ("input_ids", "attention_mask", "decoder_input_ids", "labels")


def of_the_class(hf: Any, batch: dict[str, Tensor]) -> Any:
    """What the class itself makes of a batch."""
    return hf(**{name: batch[name] for name in HF})


@PLAIN
def test_loss_and_gradients_are_those_of_the_class(kind: str, tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **KINDS[kind]), pairs(SOURCES, TARGETS)
    expected = of_the_class(model.hf, batch).loss
    names = [name for name, _ in model.hf.named_parameters()]
    wanted = torch.autograd.grad(expected, [*model.hf.parameters()], allow_unused=True)
    found = mean_loss(model, batch)
    gradients = torch.autograd.grad(found, [*model.hf.parameters()], allow_unused=True)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    for name, ours, theirs in zip(names, gradients, wanted, strict=True):
        assert ours is not None, name
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7, msg=name)
    assert int(model.counts(batch)["seq2seq"]) == sum(TARGETS)


@EVERY
def test_every_parameter_has_a_gradient(kind: str, tmp_path: Path) -> None:
    """Without it several processes could not train it."""
    model = pair_model(tmp_path, **KINDS[kind])
    mean_loss(model, pairs(SOURCES, TARGETS)).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


@EVERY
def test_padding_and_lines_without_rows_change_nothing(kind: str, tmp_path: Path) -> None:
    model = pair_model(tmp_path, **KINDS[kind])
    with torch.no_grad():
        plain, padded = (mean_loss(model, pairs(SOURCES, TARGETS, more=n)) for n in (0, 3))
        torch.testing.assert_close(padded, plain, rtol=1e-6, atol=0)
        empty = pairs(SOURCES, TARGETS)
        empty["labels"].fill_(IGNORED)
        empty["target_positions"].fill_(-1)
        term = model(empty)["seq2seq"]
    assert (float(term.loss), int(model.counts(empty)["seq2seq"])) == (0.0, 0)


def test_accuracy_counts_right_tokens(tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **BART), pairs(SOURCES, TARGETS)
    with torch.no_grad():
        guessed = of_the_class(model.hf, batch).logits.argmax(-1)
        # The decoder's inputs stay, so that these guesses do.
        at = batch["labels"] != IGNORED
        at[0] = False
        batch["labels"][at] = guessed[at]
        assert int(model(batch)["seq2seq"].correct) >= sum(TARGETS[1:])


# Positions of decoder tokens -------------------------------------------------------------------


def moved(batch: dict[str, Tensor], by: int) -> dict[str, Tensor]:
    positions = torch.arange(by, by + batch["labels"].shape[1])
    return {**batch, "decoder_position_ids": positions.expand(batch["labels"].shape)}


@pytest.mark.parametrize("kind", ["bart", "prophetnet"])
def test_given_positions_are_in_force(kind: str, tmp_path: Path) -> None:
    """A decoder at positions from 4 on is one whose table of positions was moved up by 4."""
    model, batch = pair_model(tmp_path, **KINDS[kind]), pairs(SOURCES, TARGETS)
    keys = [*model.hf.state_dict()]
    with torch.no_grad():
        usual = mean_loss(model, batch)
        torch.testing.assert_close(mean_loss(model, moved(batch, 0)), usual, rtol=0, atol=0)
        found = mean_loss(model, moved(batch, 4))
        decoder = model.hf.get_decoder()
        table = decoder.embed_positions if kind == "bart" else decoder.position_embeddings
        first = 2 if kind == "bart" else PAD + 1
        table.weight[first:-4] = table.weight[first + 4 :].clone()
        expected = of_the_class(model.hf, batch).loss
    assert abs(float(found - usual)) > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    # Nothing of it is saved, and the class is that of the library.
    assert [*model.hf.state_dict()] == keys
    assert type(model.hf).__module__.startswith("transformers.models.")


def test_gradients_reach_the_given_positions_alone(tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **BART), pairs([5], [3])
    batch["decoder_position_ids"] = torch.tensor([[7, 8, 20]])
    mean_loss(model, batch).backward()
    weight = model.hf.get_decoder().embed_positions.weight
    assert weight.grad.abs().sum(1).nonzero().flatten().tolist() == [9, 10, 22]


def test_distances_of_prophetnet_are_those_in_the_text(tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **PROPHETNET), pairs([5], [3])
    batch["decoder_position_ids"] = torch.tensor([[3, 4, 9]])
    seen = []
    layer = model.hf.get_decoder().layers[0]
    layer.register_forward_pre_hook(lambda _m, _a, given: seen.append(given), with_kwargs=True)
    with torch.no_grad():
        model(batch)
    main, ahead = (
        seen[0][f"{name}_relative_position_buckets"][0].tolist() for name in ("main", "predict")
    )
    # Row: token that attends, at 3, 4, 9. Those after it are hidden, whatever their bucket.
    assert [main[1][0], main[2][0], main[2][1], main[2][2]] == [1, 6, 5, 0]
    # A stream stands a position after its token: from 10, token 3 is 7 away. Then its own cells.
    assert [ahead[2][0], ahead[2][1], ahead[2][2]] == [7, 6, 1]
    assert [ahead[row][3 + row] for row in range(3)] == [0, 0, 0]


def test_hidden_tokens_are_seen_by_the_encoder_alone(tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **BART), pairs(SOURCES, TARGETS)
    shown = batch["attention_mask"].clone()
    shown[0, 2:5] = 0
    with torch.no_grad():
        encoded = model.hf.get_encoder()(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        )
        given = {"attention_mask": shown, "decoder_input_ids": batch["decoder_input_ids"]}
        expected = model.hf(encoder_outputs=encoded, **given, labels=batch["labels"]).loss
        usual = mean_loss(model, batch)
        found = mean_loss(model, {**batch, "cross_attention_mask": shown})
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    assert abs(float(found - usual)) > 1e-4


# Streams ---------------------------------------------------------------------------------------


def test_prophetnet_computes_at_once_what_its_class_computes_token_by_token(tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **PROPHETNET), pairs([9, 9], [6, 6])
    stock = type(model.hf)(model.hf.config).eval()
    stock.load_state_dict(model.hf.state_dict())
    with torch.no_grad():
        encoded, past, found = stock.get_encoder()(input_ids=batch["input_ids"]), None, []
        for at in range(6):
            given = batch["decoder_input_ids"][:, at : at + 1]
            step = stock(encoder_outputs=encoded, decoder_input_ids=given, past_key_values=past)
            past = step.past_key_values
            found.append(step.logits[:, 0])
        hidden = model.eval().hidden(batch)
        expected = torch.stack(found, dim=1)
        torch.testing.assert_close(model.hf.lm_head(hidden[0]), expected, rtol=1e-5, atol=1e-5)


def test_a_stream_does_not_see_the_tokens_just_before(tmp_path: Path) -> None:
    """Stream s at column t sees columns 0 to t - s, and the first one in any case."""
    model, batch = pair_model(tmp_path, ngram=3, **PROPHETNET).eval(), pairs([9], [5])
    with torch.no_grad():
        before = model.hidden(batch)[:, 0]
        for column in range(5):
            ids = batch["decoder_input_ids"].clone()
            ids[0, column] += 1
            after = model.hidden({**batch, "decoder_input_ids": ids})[:, 0]
            seen = (after - before).abs().amax(-1) > 1e-5
            assert seen.tolist() == [
                [column <= max(at - stream, 0) for at in range(5)] for stream in range(3)
            ]


def test_a_stream_predicts_tokens_that_are_so_far_in_their_span(tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, ngram=3, **PROPHETNET), pairs([9, 7], [5, 5])
    # Spans of 3 and 2, and of 1 and 4 tokens.
    batch["target_places"] = torch.tensor([0, 1, 2, 0, 1, 0, 0, 1, 2, 3])
    assert int(model.counts(batch)["seq2seq"]) == 10 + (2 + 1 + 0 + 3) + (1 + 0 + 0 + 2)
    with torch.no_grad():
        term, own = model(batch)["seq2seq"], of_the_class(model.hf, batch)
        streams = torch.cat([own.logits[:, None], own.logits_ngram], dim=1)
        expected = 0.0
        for stream, cells in enumerate([range(10), (1, 2, 4, 7, 8, 9), (2, 8, 9)]):
            logits = streams[:, stream].flatten(0, 1)[[*cells]]
            labels = batch["labels"].flatten()[[*cells]]
            expected += float(cross_entropy(logits, labels, reduction="sum"))
    assert float(term.loss) == pytest.approx(expected, rel=1e-6)


def test_places_mean_nothing_to_a_single_stream(tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **BART), pairs([9, 7], [5, 5])
    with torch.no_grad():
        plain = mean_loss(model, batch)
        batch["target_places"] = torch.arange(10) % 3
        assert float(mean_loss(model, batch)) == float(plain)


# Losses, sizes, files --------------------------------------------------------------------------


def test_penalties_are_those_of_training(tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **T5), pairs(SOURCES, TARGETS)
    set_penalties(model, Penalties(label_smoothing=0.1))
    with torch.no_grad():
        trained = model.train()(batch)["seq2seq"].loss / sum(TARGETS)
        logits = of_the_class(model.hf, batch).logits.flatten(0, 1)
        expected = cross_entropy(logits, batch["labels"].flatten(), label_smoothing=0.1)
        torch.testing.assert_close(trained, expected, rtol=1e-6, atol=0)
        evaluated = mean_loss(model.eval(), batch)
        torch.testing.assert_close(evaluated, of_the_class(model.hf, batch).loss, rtol=1e-6, atol=0)


@EVERY
def test_losses_in_bfloat16_are_those_in_float32_within_a_hundredth(
    kind: str, tmp_path: Path
) -> None:
    model, batch = pair_model(tmp_path, **KINDS[kind]), pairs(SOURCES, TARGETS)
    if kind != "t5":
        batch = moved(batch, 3)
    plain = mean_loss(model, batch)
    with torch.autocast("cpu", torch.bfloat16):
        found = mean_loss(model, batch)
    found.backward()
    torch.testing.assert_close(found, plain, rtol=1e-2, atol=0)
    assert all(bool(weight.grad.isfinite().all()) for weight in model.parameters())


@EVERY
def test_operations_of_a_token_are_those_of_its_matrix_products(kind: str, tmp_path: Path) -> None:
    """Counted by weights: those that a source token goes through, and a target token."""
    model = pair_model(tmp_path, **KINDS[kind])
    weights = {
        name: weight.numel()
        for name, weight in model.hf.named_parameters()
        if weight.ndim == 2 and (".layers." in name or ".block." in name) and "relative" not in name
    }
    encoder = sum(
        size for name, size in weights.items() if "encoder." in name.partition("layer")[0]
    )
    decoder = sum(weights.values()) - encoder
    width = model.hf.config.hidden_size
    inner = 2 * 4 if kind == "t5" else width
    layers = 2 if kind == "prophetnet" else 3
    # Keys and values of the source.
    crossed = layers * 2 * width * inner
    streams = 2 if kind == "prophetnet" else 1
    copies = 3 if kind == "prophetnet" else 1
    # Sources of 60 tokens and targets of 20: a target attends to 60 and, on average, to 10.
    source = encoder + crossed + 2 * 2 * inner * 60
    target = copies * (decoder - crossed + layers * 2 * inner * 70) + streams * width * 64
    expected = 6 * (0.75 * source + 0.25 * target)
    assert model.flops_per_token(60, 0.25) == pytest.approx(expected)


@EVERY
def test_a_saved_model_is_that_of_the_library(kind: str, tmp_path: Path) -> None:
    model, batch = pair_model(tmp_path, **KINDS[kind]), pairs(SOURCES, TARGETS)
    model.save_pretrained(tmp_path / "hf")
    loaded = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hf").eval()
    assert type(loaded) is type(model.hf)
    with torch.no_grad():
        # A token alone: of several, ProphetNet's class computes something else.
        first = {**batch, **{name: batch[name][:, :1] for name in HF[2:]}}
        expected = of_the_class(model.hf.eval(), first).logits
        torch.testing.assert_close(of_the_class(loaded, first).logits, expected, rtol=0, atol=0)
    for settings in (loaded.config, loaded.generation_config):
        assert (settings.decoder_start_token_id, settings.eos_token_id) == (PAD, END)
        assert settings.pad_token_id == PAD
    again = load_model(str(tmp_path / "hf"), [paired()], 32)
    with torch.no_grad():
        assert float(mean_loss(again, batch)) == float(mean_loss(model, batch))


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_all_batches_of_a_shape_take_one_graph(kind: str, tmp_path: Path) -> None:
    model, counter = pair_model(tmp_path, **KINDS[kind]), CompileCounter()
    torch.compiler.reset()
    compiled = torch.compile(model, backend=counter, fullgraph=True, dynamic=False)
    for batch in (pairs([9, 4], [5, 5]), pairs([3, 9], [5, 5])):
        batch = moved(batch, 4) if kind == "bart" else batch
        torch.testing.assert_close(compiled(batch)["seq2seq"].loss, model(batch)["seq2seq"].loss)
    assert counter.frame_count == 1
    torch.compiler.reset()


# What does not fit -----------------------------------------------------------------------------


def test_relative_positions_cannot_be_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        pair_model(tmp_path, paired("mass"), **T5)
    assert str(refused.value).endswith(
        "has no positions of its own, and in the rows of data the decoder has those of the text; "
        "train a model of type bart or prophetnet"
    )


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({**BART, "max_position_embeddings": 31}, "has 31 positions, the rows of data need 32"),
        ({**BART, "decoder_layerdrop": 0.1}, "has decoder_layerdrop 0.1, and no layers are left"),
        ({**T5, "tie_word_embeddings": False}, "has tie_word_embeddings false, and a new model"),
        ({**PROPHETNET, "eps": 0.1}, "has eps 0.1, which is not used; set it to 0, and give --lab"),
        ({**T5, "pad_token_id": 3}, "has pad_token_id 3, the tokenizer of data has 0"),
        (GPT2, "has causal attention, the rows of data (t5) need encoder_decoder attention; train"),
    ],
)
def test_models_that_do_not_fit(fields: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        pair_model(tmp_path, **fields)
    assert told in str(refused.value)


def test_an_encoder_decoder_is_not_for_other_rows(tmp_path: Path) -> None:
    data = corpus_of(OBJECTIVES["gpt"], pad=PAD)
    with pytest.raises(
        UsageError, match=r"has encoder_decoder attention, the rows of data \(gpt\)"
    ):
        pair_model(tmp_path, data, **T5)
