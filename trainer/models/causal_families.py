"""The families of causal language models: GPT and GPT-2."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import transformers

from schemas.errors import UsageError
from trainer.models.causal import CausalModel
from trainer.models.family import Wanted, refuse_apart
from trainer.tasks.architecture import Architecture
from trainer.tasks.next_tokens import NextTokenTask
from trainer.tasks.of_recipes import shared_tasks
from transforms.build.corpus import Corpus
from transforms.contract.attention import CAUSAL


@dataclasses.dataclass(frozen=True, kw_only=True)
class CausalFamily(Architecture):
    """Causal language models of one `model_type`, with learned positions.

    Attributes:
      kind: Their class.
      layout: "packed", or "padded" if the class computes attention by itself.
      attention_dropout: See `trainer.models.family.Family`.
      fields: Likewise.
    """

    subfolder: ClassVar[str] = ""
    has_pairs: ClassVar[bool] = False
    attention: ClassVar[Sequence[str]] = (CAUSAL,)

    kind: str
    layout: str
    attention_dropout: str = ""
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def complete(self, config: Any, token_types: int) -> None:
        pass

    def positions(self, config: Any) -> int | None:
        return int(config.n_positions)

    def segments(self, config: Any) -> int | None:
        return 1

    def check(self, name: str, config: Any, corpus: Corpus) -> None:
        recipe = corpus.recipe
        if recipe.memory:
            raise UsageError(
                f"--model {name} remembers nothing of the row before, and {corpus.folder} is made "
                f"for a memory of {recipe.memory} tokens; train transformer-xl-base on it, or "
                "build gpt"
            )
        if self.layout == "padded":
            refuse_apart(name, corpus)

    def make(self, wanted: Wanted) -> CausalModel:
        """Makes a model with the vocabulary head of its class."""
        config = wanted.config
        task = next_token_task(wanted.name, wanted.corpora)
        ends_with(config, wanted.corpora[0])
        hf = wanted.made(getattr(transformers, self.kind))
        return CausalModel(
            hf,
            task=task.name,
            head=task.head(self, config),
            layout=self.layout,
            longest=wanted.longest,
        )


def next_token_task(name: str, corpora: Sequence[Corpus]) -> NextTokenTask:
    """Returns the task of data with next tokens.

    Raises:
      UsageError: if they have other tasks.
    """
    found = shared_tasks(corpus.recipe for corpus in corpora)
    if found != (task := NextTokenTask(),):
        names = ", ".join(each.name for each in found)
        raise UsageError(
            f"--model {name} learns next tokens and nothing else, and {corpora[0].folder} is made "
            f"for {names}; build a recipe without the others"
        )
    return task


def ends_with(config: Any, corpus: Corpus) -> None:
    """Sets the tokens of a configuration that a text begins and ends with, as in the data."""
    config.bos_token_id = config.eos_token_id = corpus.vocabulary.roles["eod"]


def _head(model: Any) -> Any:
    return model.lm_head


CAUSAL_FAMILIES: Mapping[str, CausalFamily] = {
    "gpt2": CausalFamily(
        kind="GPT2LMHeadModel",
        layout="packed",
        head=_head,
        attention_dropout="attn_pdrop",
        # Packed attention has no dropout of its weights.
        fields={"attn_pdrop": 0.0},
    ),
    "openai-gpt": CausalFamily(kind="OpenAIGPTLMHeadModel", layout="padded", head=_head),
}
"""By `model_type` of the configuration."""
