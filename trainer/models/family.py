"""What a family of models does."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import torch
import transformers

from schemas.errors import UsageError
from trainer.models.saved_folder import damaged_weights
from trainer.models.trainable import TrainableModel
from transforms.build.corpus import Corpus
from transforms.contract.attention import BIDIRECTIONAL


@contextlib.contextmanager
def model_errors(name: str) -> Iterator[None]:
    """Raises whatever a library raises while it makes a model as a `UsageError`."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        # Configurations and files of weights are the user's; each library has errors of its own.
        what = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
        if path := damaged_weights(name):
            what = f"{path} is damaged or cut off ({what}); copy it again, or give another model"
        raise UsageError(f"--model {name} cannot be made: {what[:600]}") from error


@contextlib.contextmanager
def without_reports() -> Iterator[None]:
    """Silences what `transformers` prints of weights that are new; notices say it in one line."""
    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.utils.logging.set_verbosity(before)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """The model that is to be made.

    Attributes:
      name: As it was asked for: of a preset, or the path of a file or a folder.
      config: Its configuration, of a class of `transformers`.
      corpora: What it is trained on; members of a mixture share a vocabulary.
      longest: Maximum tokens of a row.
      entity_embeddings: File of embeddings for the entities of the data; None to learn them.
      names: Of the tasks that it is fine-tuned for, one for each build; () for a build alone.
    """

    name: str
    config: Any
    corpora: Sequence[Corpus]
    longest: int
    entity_embeddings: str | None = None
    names: Sequence[str] = ()

    @property
    def saved(self) -> str | None:
        """Folder of the weights that it has; None to draw new ones."""
        return self.name if os.path.isdir(self.name) else None

    def only_build(self) -> Corpus:
        """Returns the build, for models that learn no mixtures.

        Raises:
          UsageError: if there are several.
        """
        corpus, *others = self.corpora
        if others:
            raise UsageError(
                f"--model {self.name} learns one recipe, and not a mixture; train it on the folder "
                f"of one member, such as {corpus.folder}"
            )
        return corpus

    def made(self, kind: Any) -> Any:
        """Makes a model of a class of `transformers`, in float32.

        Raises:
          UsageError: if that fails.
        """
        with model_errors(self.name):
            if self.saved is None:
                return kind(self.config)
            with without_reports():
                return kind.from_pretrained(self.saved, config=self.config, dtype=torch.float32)


class Family(Protocol):
    """The models of one `model_type`.

    Its configurations have fields of their own names; whoever asks the family need not know them.

    Attributes:
      subfolder: Where the configuration lies in a folder that a run has saved; "" at its top.
      has_pairs: Whether there are models for pairs of segments.
      attention: All kinds of attention that its models may have, see
        `transforms.contract.attention.ATTENTIONS`.
      attention_dropout: Field of the dropout of attention weights that the models here cannot
        have; "" if there is none.
      fields: What fields are set to while a model is made. They are saved as they were.
    """

    @property
    def subfolder(self) -> str: ...

    @property
    def has_pairs(self) -> bool: ...

    @property
    def attention(self) -> Sequence[str]: ...

    @property
    def attention_dropout(self) -> str: ...

    @property
    def fields(self) -> Mapping[str, Any]: ...

    def complete(self, config: Any, token_types: int) -> None:
        """Sets what the fields of a preset leave open.

        Args:
          config: Of the preset.
          token_types: How many types of tokens the data have of their own; 0 if they have none but
            those of segments.
        """
        ...

    def first_position(self, config: Any) -> int:
        """Returns the position of the first token of a row."""
        ...

    def positions(self, config: Any) -> int | None:
        """Returns how many positions there are; None if rows may have any length."""
        ...

    def segments(self, config: Any) -> int | None:
        """Returns how many types of tokens there are; None if there may be any number."""
        ...

    def check(self, name: str, config: Any, corpus: Corpus) -> None:
        """Refuses a configuration that does not fit the data, apart from what others share.

        Raises:
          UsageError: saying what does not fit.
        """
        ...

    def make(self, wanted: Wanted) -> TrainableModel:
        """Makes a model of a configuration of `transformers`, ready to be trained.

        If the name is that of a folder, the weights are those saved there.

        Raises:
          UsageError: if it cannot be made, or does not fit the data.
        """
        ...


class BidirectionalFamily:
    """What the configurations of BERT and of the models made after it have in common."""

    attention: Sequence[str] = (BIDIRECTIONAL,)
    attention_dropout = "attention_probs_dropout_prob"
    # Packed attention has no dropout of its weights, and a sequence is not cut into chunks.
    fields: Mapping[str, Any] = MappingProxyType(
        {"attention_probs_dropout_prob": 0.0, "chunk_size_feed_forward": 0}
    )

    def complete(self, config: Any, token_types: int) -> None:
        config.type_vocab_size = max(config.type_vocab_size, token_types)
        config.max_position_embeddings = 512 + self.first_position(config)

    def first_position(self, config: Any) -> int:
        return 0

    def positions(self, config: Any) -> int | None:
        return int(config.max_position_embeddings)

    def segments(self, config: Any) -> int | None:
        return int(config.type_vocab_size)

    def check(self, name: str, config: Any, corpus: Corpus) -> None:
        if getattr(config, "is_decoder", False):
            raise UsageError(f"--model {name} is a decoder; masked tokens need an encoder")


def refuse_apart(name: str, corpus: Corpus) -> None:
    """Raises UsageError if documents are to be kept apart, for models that cannot do it."""
    predict = corpus.recipe.next_tokens
    if predict is not None and predict.keep_apart:
        raise UsageError(
            f"--model {name} cannot keep the documents of a row apart, which {corpus.folder} "
            "asks for (predict.keep_apart); train gpt2 on it, or build it without"
        )


def configurations(model: torch.nn.Module) -> dict[str, Any]:
    """Returns the configurations of the models of `transformers` in a model, by their names."""
    parts = dict(model.named_children())
    for name, part in model.named_children():
        if isinstance(part, torch.nn.ModuleDict):
            parts |= {f"{name}.{key}": each for key, each in part.items()}
    return {
        name: part.config
        for name, part in parts.items()
        if isinstance(part, transformers.PreTrainedModel)
    }
