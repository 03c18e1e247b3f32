"""ProphetNet: its streams, the positions of its decoder, and an error of its class that is mended.

A stream adds to its attention scores an embedding of distances, made from its own hidden states. If
it has more than one token, `ProphetNetForConditionalGeneration` takes it from the states of other
tokens, heads and streams, those of later tokens among them: tensors are permuted as if they were
laid out in another way (`findings/prophetnet_sees_later_tokens.sh`). A model that was trained so
would see what it is to predict, and `generate`, which goes token by token, has no such error. Here
each token has its own embedding, in the model at hand alone: neither the class nor what is saved is
changed.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding
from transformers.models.prophetnet.modeling_prophetnet import compute_all_stream_relative_buckets

from trainer.models.seq2seq import GivenPositions, Sizes, decoded


def decoder(hf: Any, ids: Tensor, encoded: Tensor, attended: Tensor) -> Tensor:
    """Returns the hidden states of all streams, see `trainer.models.seq2seq.Decoder`."""
    found = decoded(hf.prophetnet.decoder, ids, encoded, attended).last_hidden_state_ngram
    return found.unflatten(1, (hf.config.ngram, ids.shape[1])).transpose(0, 1)[: streams(hf.config)]


def streams(config: Any) -> int:
    """Returns how many streams learn something."""
    return 1 if config.disable_ngram_loss else int(config.ngram)


def move(hf: Any, positions: GivenPositions) -> None:
    """Lets positions of the decoder be given, and mends the embedding of distances.

    Distances are those of the positions.

    Source: microsoft/ProphetNet ngram_s2s_model.py, cal_pretrain_relative_positions, which takes
      them from the positions in the text.
    """
    own = hf.prophetnet.decoder
    usual = own.compute_buffered_relative_buckets

    def moved(module: Any, _given: Any, _output: Any) -> tuple[Tensor, Tensor] | None:
        if positions.now is None:
            return None
        at = positions.now + module.padding_idx + 1
        return embedding(at, module.weight, module.padding_idx), at

    def buckets(at: Tensor) -> tuple[Tensor, Tensor]:
        if positions.now is None:
            return usual(at)
        most = own.relative_max_distance
        return compute_all_stream_relative_buckets(own.num_buckets, most, at)

    own.position_embeddings.register_forward_hook(moved)
    own.compute_buffered_relative_buckets = buckets
    for layer in own.layers:
        _mend(layer.self_attn)


def _mend(attention: Any) -> None:
    usual = attention.get_predict_relative_pos_embeddings

    def distances(hidden: Tensor, scores: Tensor, at: Tensor, buckets: Tensor | None) -> Tensor:
        """Returns float[B, N, H, T, 2T]: what is added to the scores of N streams and H heads.

        Args:
          hidden: float[B, T, N, d].
          scores: float[B, N, H, T, 2T].
          at: Positions.
          buckets: int64[B, T, 2T]; classes of distances; None while a text is generated.
        """
        if buckets is None:
            return usual(hidden, scores, at, buckets)
        sizes = attention.num_buckets, attention.num_attn_heads
        each = attention.relative_pos_embeddings(hidden).unflatten(-1, sizes)
        index = buckets.long()[:, None, None].expand(scores.shape)
        return torch.gather(each.permute(0, 2, 4, 1, 3), -1, index)

    attention.get_predict_relative_pos_embeddings = distances


def problem(config: Any, _new: bool) -> str:
    """Returns what is wrong with a configuration, see `EncoderDecoderFamily`."""
    if config.eps:
        return f"eps {config.eps:g}, which is not used; set it to 0, and give --label-smoothing"
    most = config.max_position_embeddings
    if config.pad_token_id + 2 >= most:
        return (
            f"positions from pad_token_id {config.pad_token_id} on and only {most} of them; take a "
            "tokenizer whose padding token has a small id"
        )
    return ""


def sizes(config: Any) -> Sizes:
    """Returns the sizes of a configuration."""
    return Sizes(
        width=config.hidden_size,
        heads=config.hidden_size,
        encoder_layers=config.num_encoder_layers,
        decoder_layers=config.num_decoder_layers,
        encoder_inner=2 * config.encoder_ffn_dim,
        decoder_inner=2 * config.decoder_ffn_dim,
        streams=streams(config),
    )
