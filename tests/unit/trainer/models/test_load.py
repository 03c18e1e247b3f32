import dataclasses
import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from schemas.errors import UsageError
from tests.support.language_rows import EOD, causal, corpus_of, permuted
from tests.support.pair_batches import paired
from tests.support.sample_builds import corpus
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.encoder_families import ENCODERS
from trainer.models.load import FAMILIES, load_model
from trainer.models.presets import PRESETS
from trainer.seeding import seed_torch
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES

PAIRS, NO_PAIRS = "bert-wwm", "roberta"
LONGEST = {PAIRS: 128, NO_PAIRS: 512}
VOCABULARIES = {
    "bert": 30522,
    "roberta": 50265,
    "albert": 30000,
    "ernie": 30522,
    "electra": 30522,
}
GEOMETRY = {
    # Layers, width, heads, inner width, positions; parameters of the published encoder.
    "bert-tiny": (2, 128, 2, 512, 512, 4_385_920),
    "bert-small": (4, 512, 8, 2048, 512, 28_763_648),
    "bert-base": (12, 768, 12, 3072, 512, 109_482_240),
    "bert-large": (24, 1024, 16, 4096, 512, 335_141_888),
    "roberta-base": (12, 768, 12, 3072, 514, 124_055_040),
    "albert-base": (12, 768, 12, 3072, 512, 11_683_584),
    # These are no published sizes.
    "roberta-tiny": (2, 128, 2, 512, 514, 6_896_640),
    "albert-tiny": (2, 128, 2, 512, 512, 4_137_344),
    "electra-tiny": (2, 128, 2, 512, 512, 4_369_408),
    # With 16 tasks, which is no published size.
    "ernie-base": (12, 768, 12, 3072, 512, 109_482_240 + 16 * 768),
    "ernie-tiny": (2, 128, 2, 512, 512, 4_385_920 + 16 * 128),
    "electra-base": (12, 768, 12, 3072, 512, 108_891_648),
    "electra-small": (12, 256, 4, 1024, 512, 13_483_008),
}
LANGUAGE_MODELS = {
    # Ids; layers, width, heads, inner width, positions; parameters without those of the head.
    "gpt1": (40478, 12, 768, 12, 3072, 512, 116_534_784),
    "gpt2": (50257, 12, 768, 12, 3072, 1024, 124_439_808),
    "gpt2-medium": (50257, 24, 1024, 16, 4096, 1024, 354_823_168),
    "xlnet-base": (32000, 12, 768, 12, 3072, None, 116_718_336),
    # These are no published sizes: the softmax of Transformer-XL is another one.
    "gpt-tiny": (3000, 2, 128, 2, 512, 1024, 911_872),
    "xlnet-tiny": (3000, 2, 128, 2, 512, None, 813_696),
    "transformer-xl-base": (3000, 16, 410, 10, 2100, None, 42_329_610),
    "transformer-xl-tiny": (3000, 2, 128, 2, 512, None, 813_696),
}

SEQ2SEQ = {
    # Ids; layers of the encoder and of the decoder, width, inner width; parameters.
    "t5-small": (32128, 6, 6, 512, 2048, 60_506_624),
    "t5-base": (32128, 12, 12, 768, 3072, 222_903_552),
    "bart-base": (50265, 6, 6, 768, 3072, 139_420_416),
    # With two positions more, in both tables: the published one ends a row before its last.
    "prophetnet-large": (30522, 12, 12, 1024, 4096, 391_321_600 + 4 * 1024),
    # These are no published sizes of these classes.
    "mass-base": (30522, 6, 6, 768, 3072, 124_257_792),
    "t5-tiny": (3000, 2, 2, 128, 512, 1_303_168),
    "bart-tiny": (3000, 2, 2, 128, 512, 1_572_864),
    "prophetnet-tiny": (3000, 2, 2, 128, 512, 1_458_560),
}

BOTH_WAYS = {
    # Cells, width, highway layers; parameters without those of the vocabulary head. AllenNLP states
    # 93.6 and 13.6 million.
    "elmo": (4096, 512, 2, 93_600_848),
    "elmo-small": (1024, 128, 1, 13_593_296),
    # This is no published size.
    "elmo-tiny": (64, 32, 1, 116_424),
}


@functools.cache
def opened(recipe: str) -> Corpus:
    return open_local_corpus(corpus(recipe))


def with_vocabulary(size: int, recipe: str) -> Corpus:
    """The corpus as if its tokenizer had another number of ids."""
    found = opened(recipe)
    return dataclasses.replace(found, vocabulary=dataclasses.replace(found.vocabulary, size=size))


def config_of(folder: Path, recipe: str = PAIRS, **changes: Any) -> str:
    """Writes a small configuration that fits a corpus, but for what is changed."""
    fields = {
        "model_type": "bert",
        "vocab_size": 3000,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": LONGEST[recipe],
        "type_vocab_size": 2,
        "pad_token_id": opened(recipe).vocabulary.roles["pad"],
        **changes,
    }
    path = folder / "tiny.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return str(path)


def load(name: str, recipe: str = PAIRS) -> Any:
    return load_model(name, [opened(recipe)], LONGEST[recipe])


def refusal(name: str, recipe: str = PAIRS) -> str:
    with pytest.raises(UsageError) as caught:
        load(name, recipe)
    return str(caught.value)


def unequal(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> list[str]:
    assert found.keys() == expected.keys()
    return [name for name, tensor in found.items() if not torch.equal(tensor, expected[name])]


def test_every_preset_is_held_to_its_paper() -> None:
    names = [*GEOMETRY, *LANGUAGE_MODELS, *SEQ2SEQ, *BOTH_WAYS]
    assert sorted(names) == sorted(PRESETS)


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_a_preset_of_an_encoder_decoder_has_the_geometry_of_its_paper(name: str) -> None:
    size, encoder, decoder, width, inner, published = SEQ2SEQ[name]
    data = paired(max_seq_length=512)
    vocabulary = dataclasses.replace(data.vocabulary, size=size)
    with torch.device("meta"):
        hf = load_model(name, [dataclasses.replace(data, vocabulary=vocabulary)], 512).hf
    layers = [
        len(next(each for each in part.children() if isinstance(each, torch.nn.ModuleList)))
        for part in (hf.get_encoder(), hf.get_decoder())
    ]
    assert layers == [encoder, decoder]
    assert hf.config.hidden_size == width
    assert inner in {getattr(hf.config, field, None) for field in ("d_ff", "encoder_ffn_dim")}
    added = (hf.config.vocab_size - size) * width
    assert sum(weight.numel() for weight in hf.parameters()) == published + added


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_a_preset_of_a_language_model_has_the_geometry_of_its_paper(name: str) -> None:
    size, layers, width, heads, inner, positions, published = LANGUAGE_MODELS[name]
    data = causal() if PRESETS[name]["model_type"] != "xlnet" else causal("transformer-xl")
    if name.startswith("xlnet"):
        data = permuted(memory=384)
    vocabulary = dataclasses.replace(data.vocabulary, size=size)
    with torch.device("meta"):
        model = load_model(name, [dataclasses.replace(data, vocabulary=vocabulary)], 513)
    config, kind = model.hf.config, PRESETS[name]["model_type"]
    assert (config.num_hidden_layers, config.hidden_size) == (layers, width)
    assert config.num_attention_heads == heads
    assert getattr(config, "d_inner", 4 * width) == inner
    assert (None if kind == "xlnet" else config.n_positions) == positions
    assert config.vocab_size == -(-size // 64) * 64
    added = (config.vocab_size - size) * width
    assert sum(weight.numel() for weight in model.hf.base_model.parameters()) == published + added


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_a_preset_of_two_directions_has_the_geometry_of_its_paper(name: str) -> None:
    cells, width, highways, published = BOTH_WAYS[name]
    with torch.device("meta"):
        hf = load_model(name, [opened("elmo")], 21).hf
    config = hf.config
    assert (config.cell_size, config.hidden_size, config.num_hidden_layers) == (cells, width, 2)
    assert (config.highways, config.clip, config.dropout) == (highways, 3, 0.1)
    count = sum(weight.numel() for part in (hf.words, hf.layers) for weight in part.parameters())
    assert count == published


@pytest.mark.parametrize("name", GEOMETRY)
def test_a_preset_has_the_geometry_of_its_paper(name: str) -> None:
    kind = str(PRESETS[name]["model_type"])
    recipe = PAIRS if kind in ENCODERS and ENCODERS[kind].pairs else NO_PAIRS
    with torch.device("meta"):
        model = load_model(name, [with_vocabulary(VOCABULARIES[kind], recipe)], 128)
    hf = model.discriminator if kind == "electra" else model.hf
    config = hf.config
    layers, width, heads, inner, positions, published = GEOMETRY[name]
    assert (config.num_hidden_layers, config.hidden_size) == (layers, width)
    assert (config.num_attention_heads, config.intermediate_size) == (heads, inner)
    assert config.max_position_embeddings == positions
    backbone = hf.base_model
    added = (config.vocab_size - VOCABULARIES[kind]) * getattr(config, "embedding_size", width)
    assert sum(weight.numel() for weight in backbone.parameters()) == published + added


def test_bert_base_has_110_million_parameters() -> None:
    with torch.device("meta"):
        model = load_model("bert-base", [with_vocabulary(30522, PAIRS)], 128)
    count = sum(weight.numel() for weight in model.parameters())
    assert count == 110_106_428 + (30528 - 30522) * (768 + 1)


@pytest.mark.parametrize(
    ("size", "rounded"), [(3000, 3008), (3008, 3008), (3009, 3072), (64, 64), (30522, 30528)]
)
def test_a_preset_rounds_its_vocabulary_to_a_multiple_of_64(size: int, rounded: int) -> None:
    with torch.device("meta"):
        model = load_model("bert-tiny", [with_vocabulary(size, PAIRS)], 128)
    assert model.hf.config.vocab_size == rounded
    assert model.hf.get_input_embeddings().weight.shape == (rounded, 128)


@pytest.mark.parametrize("recipe", [PAIRS, NO_PAIRS])
def test_a_preset_pads_as_the_tokenizer_does(recipe: str) -> None:
    with torch.device("meta"):
        model = load("bert-tiny", recipe)
    pad = opened(recipe).vocabulary.roles["pad"]
    assert model.hf.config.pad_token_id == pad
    assert model.hf.bert.embeddings.word_embeddings.padding_idx == pad


def test_roberta_has_512_positions_after_its_padding() -> None:
    with torch.device("meta"):
        model = load("roberta-base", NO_PAIRS)
    assert model.hf.config.max_position_embeddings == 512 + 1 + 1


@pytest.mark.parametrize("recipe", [PAIRS, NO_PAIRS])
def test_pairs_decide_which_class_is_trained(recipe: str) -> None:
    with torch.device("meta"):
        model = load("bert-tiny", recipe)
    kind = "BertForPreTraining" if recipe == PAIRS else "BertForMaskedLM"
    assert type(model.hf).__name__ == kind


def test_the_weights_are_those_of_the_generator(tmp_path: Path) -> None:
    path = config_of(tmp_path)
    models = []
    for seed in (1, 1, 2):
        seed_torch(seed)
        models.append(load(path).state_dict())
    assert not unequal(models[0], models[1])
    assert "hf.bert.embeddings.word_embeddings.weight" in unequal(models[0], models[2])


def test_a_configuration_is_taken_as_it_is(tmp_path: Path) -> None:
    path = config_of(tmp_path, vocab_size=3001, hidden_act="relu", hidden_dropout_prob=0.25)
    config = load(path).hf.config
    assert (config.vocab_size, config.hidden_act) == (3001, "relu")
    assert (config.hidden_size, config.hidden_dropout_prob) == (16, 0.25)


@pytest.mark.parametrize("asked", [0.0, 0.3])
def test_attention_has_no_dropout(asked: float, tmp_path: Path) -> None:
    model = load(config_of(tmp_path, attention_probs_dropout_prob=asked))
    told = "attention dropout is 0, not 0.3: packed attention has none"
    assert model.notice == (told if asked else "")
    dropouts = [each for name, each in model.hf.named_modules() if name.endswith("self.dropout")]
    assert [each.p for each in dropouts] == [0.0] * len(dropouts)
    assert dropouts
    # Who fine-tunes what is saved has the dropout of the model.
    assert model.hf.config.attention_probs_dropout_prob == asked
    rates = {name: m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
    assert [rate for name, rate in rates.items() if name.endswith("attention.self.dropout")] == [0]
    assert rates["hf.bert.embeddings.dropout"] == 0.1


@pytest.mark.parametrize("name", ENCODERS)
def test_a_folder_is_loaded_with_its_weights(name: str, tmp_path: Path) -> None:
    path = config_of(tmp_path, NO_PAIRS, model_type=name, max_position_embeddings=520)
    seed_torch(1)
    first = load(path, NO_PAIRS)
    first.save_pretrained(tmp_path / "saved")
    seed_torch(2)
    second = load(str(tmp_path / "saved"), NO_PAIRS)
    assert not unequal(second.state_dict(), first.state_dict())


def test_a_folder_without_a_head_for_pairs_gets_a_new_one(tmp_path: Path) -> None:
    changes = {"max_position_embeddings": 512}
    alone = load(config_of(tmp_path, NO_PAIRS, **changes), NO_PAIRS)
    alone.save_pretrained(tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "config.json").read_text("utf-8"))
    (tmp_path / "saved" / "config.json").write_text(json.dumps({**config, "pad_token_id": 0}))
    paired = load(str(tmp_path / "saved"))
    assert type(paired.hf).__name__ == "BertForPreTraining"
    assert not unequal(
        paired.hf.cls.predictions.state_dict(), alone.hf.cls.predictions.state_dict()
    )


def test_a_vocabulary_that_is_too_small_is_refused(tmp_path: Path) -> None:
    message = refusal(config_of(tmp_path, vocab_size=2999))
    assert "has a vocabulary of 2999, the ids of " in message
    assert message.endswith("need 3000")


def test_a_vocabulary_that_just_fits_is_taken(tmp_path: Path) -> None:
    assert load(config_of(tmp_path, vocab_size=3000)).hf.config.vocab_size == 3000


def test_too_few_positions_are_refused(tmp_path: Path) -> None:
    message = refusal(config_of(tmp_path, max_position_embeddings=127))
    assert "has 127 positions, the rows of " in message
    assert message.endswith("need 128; build them with a smaller --max-seq-length")


@pytest.mark.parametrize("name", ENCODERS)
def test_positions_that_are_never_used_count(name: str, tmp_path: Path) -> None:
    skipped = 2 if ENCODERS[name].after_padding else 0
    most = LONGEST[NO_PAIRS] + skipped
    load(config_of(tmp_path, NO_PAIRS, model_type=name, max_position_embeddings=most), NO_PAIRS)
    path = config_of(tmp_path, NO_PAIRS, model_type=name, max_position_embeddings=most - 1)
    assert f"has {most - 1} positions, the rows of " in refusal(path, NO_PAIRS)


@pytest.mark.parametrize("name", [name for name, each in ENCODERS.items() if each.pairs is None])
def test_pairs_are_refused_by_a_family_without_a_head_for_them(name: str, tmp_path: Path) -> None:
    message = refusal(config_of(tmp_path, model_type=name, max_position_embeddings=200))
    assert "has no head for the pairs (next, random) of " in message
    assert message.endswith("train bert on them, or build a recipe without pairs")


def test_pairs_need_two_types_of_segments(tmp_path: Path) -> None:
    assert "has no head for the pairs" in refusal(config_of(tmp_path, type_vocab_size=1))


def test_an_unknown_name_is_refused_with_those_most_like_it() -> None:
    message = refusal("bert-bse")
    assert message.startswith(
        "--model 'bert-bse' is neither a file, a folder nor module:callable; did you mean bert-base"
    )
    assert message.endswith(f"known: {', '.join(sorted(PRESETS))}")


def test_an_architecture_that_is_not_trained_is_refused(tmp_path: Path) -> None:
    message = refusal(config_of(tmp_path, model_type="mbart"))
    assert "is of type 'mbart', which is not trained here; known: " in message
    assert message.endswith(f"{', '.join(FAMILIES)}, or your own as module:callable")


@pytest.mark.parametrize("name", ["gpt-tiny", "gpt1", "xlnet-tiny", "transformer-xl-tiny"])
def test_masked_tokens_need_a_model_that_sees_both_sides(name: str) -> None:
    message = refusal(name, NO_PAIRS)
    offered = "causal or two_stream" if PRESETS[name]["model_type"] == "xlnet" else "causal"
    assert f"--model {name} has {offered} attention, the rows of " in message
    assert message.endswith(
        "(roberta) need bidirectional attention; train a model of type "
        f"{' or '.join((*ENCODERS, 'electra'))} on them"
    )


@pytest.mark.parametrize("name", ["bert-tiny", "albert-base", "electra-small"])
@pytest.mark.parametrize("data", [causal(), permuted()], ids=["gpt", "xlnet"])
def test_an_encoder_is_not_for_other_attention(name: str, data: Corpus) -> None:
    with pytest.raises(UsageError) as caught:
        load_model(name, [dataclasses.replace(data, vocabulary=opened(PAIRS).vocabulary)], 17)
    needed = {"gpt": "causal", "xlnet": "two_stream"}[data.recipe.name]
    offered = ["xlnet"] if needed == "two_stream" else ["gpt2", "openai-gpt", "xlnet"]
    has = (
        "bidirectional" if name == "electra-small" else "bidirectional or structured or multi_flow"
    )
    assert str(caught.value) == (
        f"--model {name} has {has} attention, the rows of data ({data.recipe.name}) need "
        f"{needed} attention; train a model of type {' or '.join(offered)} on them"
    )


def in_modes() -> Corpus:
    return dataclasses.replace(opened(PAIRS), recipe=OBJECTIVES["unilm"])


@pytest.mark.parametrize("name", ["bert-tiny", "ernie-tiny"])
def test_models_that_are_known_by_name_have_the_token_types_of_modes(name: str) -> None:
    assert load_model(name, [in_modes()], 128).hf.config.type_vocab_size == 6
    assert load_model(name, [opened(PAIRS), in_modes()], 128).hf.config.type_vocab_size == 6
    assert load_model(name, [opened(PAIRS)], 128).hf.config.type_vocab_size < 6


def test_a_model_without_the_token_types_of_modes_is_refused(tmp_path: Path) -> None:
    path = config_of(tmp_path, type_vocab_size=2)
    with pytest.raises(UsageError, match=r"has type_vocab_size 2, the modes of attention of .* 6;"):
        load_model(path, [in_modes()], 128)
    with pytest.raises(UsageError, match=r"electra-small has bidirectional attention, .* need str"):
        load_model("electra-small", [in_modes()], 128)


def test_a_saved_model_is_given_the_token_types_of_modes(tmp_path: Path) -> None:
    saved = load_model(config_of(tmp_path, type_vocab_size=2), [opened(PAIRS)], 128)
    saved.save_pretrained(tmp_path / "saved")
    loaded = load_model(str(tmp_path / "saved"), [in_modes()], 128)
    assert "token types 2 to 5 begin as copies of 0 and 1" in loaded.notice
    assert loaded.hf.config.type_vocab_size == 6
    old, new = (each.hf.bert.embeddings.token_type_embeddings.weight for each in (saved, loaded))
    assert torch.equal(new, old[[0, 1, 0, 0, 0, 1]])
    loaded.save_pretrained(tmp_path / "again")
    again = load_model(str(tmp_path / "again"), [in_modes()], 128)
    assert "token types" not in again.notice
    assert torch.equal(again.hf.bert.embeddings.token_type_embeddings.weight, new)


def test_a_causal_model_is_not_for_two_streams() -> None:
    with pytest.raises(UsageError, match=r"need two_stream attention; train a model of type xlnet"):
        load_model("gpt-tiny", [permuted()], 17)


@pytest.mark.parametrize("name", ["gpt-tiny", "gpt1", "transformer-xl-tiny"])
@pytest.mark.parametrize("roles", [{}, {"pad": 0}])
def test_causal_models_need_no_padding_token(name: str, roles: dict[str, int]) -> None:
    recipe = causal("transformer-xl" if "xl" in name else "gpt").recipe
    config = load_model(name, [corpus_of(recipe, **roles)], 151).hf.config
    assert config.pad_token_id == roles.get("pad")
    assert (config.bos_token_id, config.eos_token_id) == (EOD, EOD)


def test_an_architecture_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = config_of(tmp_path, model_type="berd")
    assert refusal(path).startswith(f"--model {path} is no configuration of a model: ")


@pytest.mark.parametrize("pad", [1, None])
def test_another_padding_token_is_refused(pad: int | None, tmp_path: Path) -> None:
    message = refusal(config_of(tmp_path, pad_token_id=pad))
    assert f"has pad_token_id {pad}, the tokenizer of " in message
    assert message.endswith(" has 0")


def test_a_tokenizer_without_padding_is_refused() -> None:
    found = opened(PAIRS)
    roles = {role: number for role, number in found.vocabulary.roles.items() if role != "pad"}
    vocabulary = dataclasses.replace(found.vocabulary, roles=roles)
    with pytest.raises(UsageError, match=r"the tokenizer has no \[PAD\] or <pad> token"):
        load_model("bert-tiny", [dataclasses.replace(found, vocabulary=vocabulary)], 128)


@pytest.mark.parametrize("text", ["{", "", "[]", '"bert"', "{}", '{"vocab_size": 3000}', "\x00"])
def test_a_file_that_is_no_configuration_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    assert refusal(str(path)).startswith(f"--model {path} is no configuration of a model: ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_decoder": True}, "is a decoder; masked tokens need an encoder"),
        ({"hidden_size": "wide"}, "is no configuration of a model: "),
        ({"num_attention_heads": 3}, "cannot be made: "),
        ({"num_attention_heads": 0}, "cannot be made: "),
        ({"hidden_act": "nope"}, "cannot be made: KeyError: 'nope'"),
    ],
)
def test_a_configuration_of_no_model_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in refusal(config_of(tmp_path, **changes))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    Path(config_of(tmp_path)).rename(folder / "config.json")
    assert refusal(str(folder)) == (
        f"--model {folder} cannot be made: the folder has a config.json and no weights; give "
        f"{folder}/config.json itself for a model with new weights"
    )
    (folder / "pytorch_model.bin").write_bytes(b"junk")
    assert refusal(str(folder)).startswith(f"--model {folder} cannot be made: ")


def test_the_folder_of_a_run_is_refused_with_that_of_its_model(tmp_path: Path) -> None:
    load(config_of(tmp_path)).save_pretrained(tmp_path / "run" / "latest" / "hf")
    for folder in (tmp_path / "run", tmp_path / "run" / "latest"):
        assert refusal(str(folder)) == (
            f"--model {folder} is a folder of a run, not of a model; give {tmp_path}/run/latest/hf"
        )


def test_weights_that_are_cut_off_are_named(tmp_path: Path) -> None:
    load(config_of(tmp_path)).save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    said = refusal(str(tmp_path / "saved"))
    assert said.startswith(f"--model {tmp_path}/saved cannot be made: {path} is damaged or cut off")


def test_damaged_heads_beside_a_model_are_told(tmp_path: Path) -> None:
    model = load(config_of(tmp_path))
    model.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "heads.safetensors").write_bytes(b"junk")
    assert refusal(str(tmp_path / "saved")).startswith(f"--model {tmp_path}/saved cannot be made: ")


def test_weights_of_another_precision_are_trained_in_float32(tmp_path: Path) -> None:
    load(config_of(tmp_path)).hf.to(torch.bfloat16).save_pretrained(tmp_path / "half")
    model = load(str(tmp_path / "half"))
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    model.save_pretrained(tmp_path / "whole")
    again = load(str(tmp_path / "whole"))
    assert unequal(again.state_dict(), model.state_dict()) == []


def test_a_sequence_is_not_cut_into_chunks(tmp_path: Path) -> None:
    layers = load(config_of(tmp_path, chunk_size_feed_forward=7)).hf.bert.encoder.layer
    assert {layer.chunk_size_feed_forward for layer in layers} == {0}


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    assert refusal(str(tmp_path)) == (
        f"--model {tmp_path} holds no model: it has no config.json; give RUN/latest/hf of a run, a "
        "CONFIG.json, or the name of a new model"
    )


OWN = """
import torch


class Whole(torch.nn.Module):
    def counts(self, batch):
        return {}

    def forward(self, batch):
        return {}

    def save_pretrained(self, folder):
        pass


class Unsaved(torch.nn.Module):
    def counts(self, batch):
        return {}

    def forward(self, batch):
        return {}


class Plain:
    counts = forward = save_pretrained = print


def whole(corpus):
    model = Whole()
    model.seen = corpus
    return model


def unsaved(corpus):
    return Unsaved()


def plain(corpus):
    return Plain()


def bare(corpus):
    return torch.nn.Linear(1, 1)


def nothing(corpus):
    return None
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module with models of somebody's own."""
    name = f"own_models_{re.sub('[^a-z0-9]', '_', tmp_path.name)}"
    (tmp_path / f"{name}.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_a_callable_is_called_with_the_corpus(own: str) -> None:
    assert load(f"{own}:whole").seen is opened(PAIRS)


@pytest.mark.parametrize("name", ["json:decoder", "json:__name__"])
def test_what_cannot_be_called_is_refused(name: str) -> None:
    assert "which cannot be called" in refusal(name)


@pytest.mark.parametrize("name", ["no_such_module:make", ":make", ".relative:make"])
def test_a_module_that_cannot_be_imported_is_refused(name: str) -> None:
    assert refusal(name).startswith(f"--model {name} cannot be imported: ")


@pytest.mark.parametrize("attribute", ["absent", ""])
def test_a_module_without_the_callable_is_refused(own: str, attribute: str) -> None:
    message = refusal(f"{own}:{attribute}")
    assert message.startswith(f"--model {own}:{attribute} cannot be imported: ")
    assert f"has no attribute '{attribute}'" in message


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("unsaved", "has no save_pretrained"),
        ("bare", "has no counts, save_pretrained"),
        ("nothing", "has no counts, forward, save_pretrained"),
        ("plain", "is a Plain"),
    ],
)
def test_what_is_no_trainable_model_is_refused(own: str, attribute: str, problem: str) -> None:
    message = refusal(f"{own}:{attribute}")
    assert message == (
        f"--model {own}:{attribute} must return an nn.Module with the methods counts, forward, "
        f"save_pretrained; what it returned {problem}"
    )
