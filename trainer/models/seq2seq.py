"""Encoder-decoders of `transformers`, such as T5 and BART."""

import dataclasses
import os
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.guesses import MOST_TOKENS, Chosen, Guess
from trainer.tasks.losses import LossTerm
from trainer.tasks.task import Head


class GivenPositions:
    """The positions that a decoder's tokens have instead of 0, 1, 2, ...

    Attributes:
      now: int64[B, T] of the batch that is computed; None if positions are the usual ones.
    """

    now: Tensor | None = None


class Decoder(Protocol):
    """How hidden states of a decoder are computed."""

    def __call__(self, hf: Any, ids: Tensor, encoded: Tensor, attended: Tensor) -> Tensor:
        """Returns float[N, B, T, d]: the hidden states that the vocabulary head is given.

        Args:
          hf: The model of `transformers`.
          ids: int64[B, T]; inputs of the decoder.
          encoded: float[B, S, d]; hidden states of the encoder.
          attended: int64[B, S]; 0 where the decoder does not attend to them.
        """
        ...


def decoded(decoder: Any, ids: Tensor, encoded: Tensor, attended: Tensor) -> Any:
    """Calls a decoder of `transformers` with what a `Decoder` is given."""
    return decoder(
        input_ids=ids,
        encoder_hidden_states=encoded,
        encoder_attention_mask=attended,
        use_cache=False,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of a model that say how many operations it takes.

    Attributes:
      width: Of hidden states.
      heads: Width of all attention heads together.
      encoder_layers, decoder_layers: Their numbers.
      encoder_inner, decoder_inner: Widths of the layers of feed-forward parts, added up.
      streams: Times that a target is predicted; a decoder with several has one more besides.
    """

    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    encoder_inner: int
    decoder_inner: int
    streams: int = 1

    def flops_per_token(self, context: float, targets: float, vocabulary: int) -> float:
        """Returns the operations of a token: 2 for a multiply-add, backward twice forward.

        A source token has in each layer of the encoder four projections, w x h, and the
        feed-forward part; keys and values of it are computed in each layer of the decoder. A target
        token has six projections there, the feed-forward part, and the vocabulary head.

        Args:
          context: Tokens of a source. All of them attend to them, and so do the targets. Where
            lengths differ, targets are taken to be in proportion.
          targets: Share of the tokens that are targets; below 1.
          vocabulary: Ids of the vocabulary head.
        """
        projection = self.width * self.heads
        source: float = self.encoder_layers * (4 * projection + self.width * self.encoder_inner)
        source += self.decoder_layers * 2 * projection
        copies = self.streams + (self.streams > 1)
        target: float = (
            self.decoder_layers * copies * (6 * projection + self.width * self.decoder_inner)
        )
        target += self.streams * self.width * vocabulary
        source += self.encoder_layers * 2 * self.heads * context
        # Of t targets the first attends to 1, the last to t.
        before = context * targets / (1 - targets) / 2
        target += self.decoder_layers * copies * 2 * self.heads * (context + before)
        return float(6 * ((1 - targets) * source + targets * target))


class EncoderDecoder(torch.nn.Module):
    """An encoder-decoder of `transformers`, unmodified, that is given pairs of sequences.

    Attributes:
      hf: The model of `transformers`.
    """

    stateful, notice, layout = False, "", "pairs"
    loaded_by = "from_pretrained"

    def __init__(
        self,
        hf: Any,
        *,
        task: str,
        head: Head,
        decoder: Decoder,
        sizes: Sizes,
        positions: GivenPositions,
    ) -> None:
        """Wraps a model.

        Args:
          hf: The model.
          task: What is learned, as the term of the loss is named.
          head: Of this task.
          decoder: Computes the hidden states of the decoder.
          sizes: Of the model.
          positions: Where the decoder looks for positions of its tokens.
        """
        super().__init__()
        self.hf = hf
        self._task, self._head = task, head
        self._decoder, self._sizes, self._positions = decoder, sizes, positions

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {self._task: self._head.counts(batch)}

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        hidden = self.hidden(batch).flatten(0, 2)
        return {self._task: self._head(self.hf, hidden, batch)}

    def guesses(self, batch: Batch, chosen: Chosen) -> dict[str, list[Guess]]:
        """Places are those of target tokens; each is guessed from the right ones before it."""
        hidden = self.hidden(batch)[0].flatten(0, 1)
        length = batch["labels"].shape[1]
        begins = np.array(chosen.rows, np.int64) * length
        ends = begins + min(length, MOST_TOKENS)
        targets = dataclasses.replace(chosen, begins=begins, ends=ends)
        return {self._task: self._head.guesses(self.hf, hidden, batch, targets)}

    def hidden(self, batch: Batch) -> Tensor:
        """Returns float[N, B, T, d]: the hidden states of the decoder, of each of N streams."""
        mask = batch["attention_mask"]
        encoder = self.hf.get_encoder()
        encoded = encoder(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
        attended = batch.get("cross_attention_mask", mask)
        self._positions.now = batch.get("decoder_position_ids")
        try:
            return self._decoder(self.hf, batch["decoder_input_ids"], encoded, attended)
        finally:
            self._positions.now = None

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model as `AutoModelForSeq2SeqLM` loads it."""
        self.hf.save_pretrained(folder)

    def flops_per_token(self, context: float, targets: float) -> float:
        """See `Sizes.flops_per_token`."""
        return self._sizes.flops_per_token(context, targets, self.hf.config.vocab_size)
