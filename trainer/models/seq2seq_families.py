"""The families of encoder-decoders: T5, BART and ProphetNet."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import transformers
from torch import Tensor
from torch.nn.functional import embedding

from schemas.errors import UsageError
from trainer.models import prophetnet
from trainer.models.family import Wanted
from trainer.models.seq2seq import Decoder, EncoderDecoder, GivenPositions, Sizes, decoded
from trainer.tasks.architecture import Architecture
from trainer.tasks.of_recipes import tasks_of
from transforms.build.corpus import Corpus
from transforms.contract.attention import ENCODER_DECODER


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderDecoderFamily(Architecture):
    """Encoder-decoders of one `model_type`.

    Attributes:
      kind: Their class.
      decoder: Computes hidden states.
      sizes: Of a configuration.
      limit: Of a configuration: how many positions there are; None if there may be any number.
      move: Makes a model take the positions of its decoder from where they are given, and is
        called for each; None if models know only how far tokens are from one another.
      problem: Of a configuration, and whether it is that of a new model: what is wrong with it and
        what to do, or "".
    """

    subfolder: ClassVar[str] = ""
    has_pairs: ClassVar[bool] = False
    attention: ClassVar[Sequence[str]] = (ENCODER_DECODER,)
    attention_dropout: ClassVar[str] = ""
    fields: ClassVar[Mapping[str, Any]] = {}

    kind: str
    decoder: Decoder
    sizes: Callable[[Any], Sizes]
    limit: Callable[[Any], int | None]
    problem: Callable[[Any, bool], str]
    move: Callable[[Any, GivenPositions], None] | None = None

    def complete(self, config: Any, token_types: int) -> None:
        if self.after_padding:
            # 512 positions behind that of padding, and one that is predicted only.
            config.max_position_embeddings = 512 + self.first_position(config) + 1

    def positions(self, config: Any) -> int | None:
        return self.limit(config)

    def segments(self, config: Any) -> int | None:
        return None

    def check(self, name: str, config: Any, corpus: Corpus) -> None:
        if problem := self.problem(config, not os.path.isdir(name)):
            raise UsageError(f"--model {name} has {problem}")
        denoise = corpus.recipe.denoise
        if denoise is not None and denoise.target.own_positions and self.move is None:
            others = (kind for kind, each in SEQ2SEQ_FAMILIES.items() if each.move is not None)
            raise UsageError(
                f"--model {name} has no positions of its own, and in the rows of {corpus.folder} "
                f"the decoder has those of the text; train a model of type {' or '.join(others)}"
            )

    def make(self, wanted: Wanted) -> EncoderDecoder:
        """Makes a model with the vocabulary head of its class."""
        corpus, config = wanted.only_build(), wanted.config
        [task] = tasks_of(corpus.recipe)
        assert corpus.recipe.denoise is not None
        tokens = special_tokens(config, corpus)
        for field, token in tokens.items():
            setattr(config, field, token)
        # Says `trainer.restore` what the decoder writes.
        config.denoising = corpus.recipe.denoise.target.kind
        hf = wanted.made(getattr(transformers, self.kind))
        for field, token in tokens.items():
            setattr(hf.generation_config, field, token)
        positions = GivenPositions()
        if self.move is not None:
            self.move(hf, positions)
        return EncoderDecoder(
            hf,
            task=task.name,
            head=task.head(self, config),
            decoder=self.decoder,
            sizes=self.sizes(config),
            positions=positions,
        )


def special_tokens(config: Any, corpus: Corpus) -> dict[str, int | None]:
    """Returns the fields of a configuration that say how targets of rows begin and end."""
    recipe, roles = corpus.recipe, corpus.vocabulary.roles
    assert recipe.denoise is not None
    target = recipe.denoise.target
    begins, ends = recipe.layout.prefix, (*recipe.layout.suffix, *target.end)
    end = roles[ends[-1]] if ends else roles.get("sep")
    found = {
        "bos_token_id": roles[begins[0]] if begins else None,
        "eos_token_id": end,
        "decoder_start_token_id": roles[target.start],
    }
    # BART's default is an id of its own tokenizer.
    return {**found, "forced_eos_token_id": end} if "forced_eos_token_id" in vars(config) else found


class _Head(NamedTuple):
    """A weight and a bias; see `trainer.tasks.vocabulary_loss.LinearHead`."""

    weight: Tensor
    bias: Tensor | None


def _t5_decoder(hf: Any, ids: Tensor, encoded: Tensor, attended: Tensor) -> Tensor:
    found = decoded(hf.decoder, ids, encoded, attended).last_hidden_state
    # Where the head is the embedding, whose variance is that of T5's initialisation.
    scale = hf.model_dim**-0.5 if hf.config.scale_decoder_outputs else 1.0
    return (found * scale)[None]


def _bart_decoder(hf: Any, ids: Tensor, encoded: Tensor, attended: Tensor) -> Tensor:
    return decoded(hf.model.decoder, ids, encoded, attended).last_hidden_state[None]


def _move_bart(hf: Any, positions: GivenPositions) -> None:
    """Replaces what the embedding of the decoder's positions returns, where others are given.

    The class computes positions by itself and takes none. A hook changes neither its code nor what
    is saved of it.
    """

    def moved(module: Any, _given: Any, _output: Tensor) -> Tensor | None:
        if positions.now is None:
            return None
        return embedding(positions.now + module.offset, module.weight)

    hf.model.decoder.embed_positions.register_forward_hook(moved)


def _t5_problem(config: Any, new: bool) -> str:
    if new and not config.scale_decoder_outputs:
        return (
            "tie_word_embeddings false, and a new model of its class has tied embeddings all the "
            "same; set it to true, or start from the folder of a model that has a head of its own"
        )
    return ""


def _bart_problem(config: Any, _new: bool) -> str:
    for field in ("encoder_layerdrop", "decoder_layerdrop"):
        if value := getattr(config, field):
            return f"{field} {value:g}, and no layers are left out here; set it to 0"
    return ""


def _t5_sizes(config: Any) -> Sizes:
    inner = config.d_ff * (3 if config.is_gated_act else 2)
    return Sizes(
        width=config.d_model,
        heads=config.num_heads * config.d_kv,
        encoder_layers=config.num_layers,
        decoder_layers=config.num_decoder_layers,
        encoder_inner=inner,
        decoder_inner=inner,
    )


def _bart_sizes(config: Any) -> Sizes:
    return Sizes(
        width=config.d_model,
        heads=config.d_model,
        encoder_layers=config.encoder_layers,
        decoder_layers=config.decoder_layers,
        encoder_inner=2 * config.encoder_ffn_dim,
        decoder_inner=2 * config.decoder_ffn_dim,
    )


SEQ2SEQ_FAMILIES: Mapping[str, EncoderDecoderFamily] = {
    "bart": EncoderDecoderFamily(
        kind="BartForConditionalGeneration",
        head=lambda model: _Head(model.lm_head.weight, model.final_logits_bias[0]),
        decoder=_bart_decoder,
        sizes=_bart_sizes,
        limit=lambda config: int(config.max_position_embeddings),
        problem=_bart_problem,
        move=_move_bart,
    ),
    "prophetnet": EncoderDecoderFamily(
        kind="ProphetNetForConditionalGeneration",
        head=lambda model: model.lm_head,
        decoder=prophetnet.decoder,
        sizes=prophetnet.sizes,
        # Streams look one position ahead.
        limit=lambda config: int(config.max_position_embeddings) - 1,
        problem=prophetnet.problem,
        move=prophetnet.move,
        streams=prophetnet.streams,
        after_padding=True,
    ),
    "t5": EncoderDecoderFamily(
        kind="T5ForConditionalGeneration",
        head=lambda model: model.lm_head,
        decoder=_t5_decoder,
        sizes=_t5_sizes,
        limit=lambda _config: None,
        problem=_t5_problem,
    ),
}
"""By `model_type` of the configuration."""
