"""Makes an XLNet, or a Transformer-XL, from a configuration or from what a run has saved.

`transformers` has no Transformer-XL any more. `XLNetLMHeadModel` with `attn_type` "uni" is trained
in its place, since it is a Transformer-XL but for details: causal attention with relative positions
by the same formula, the same memory, and a checkpoint that `AutoModelForCausalLM` opens. It differs
from Dai et al. 2019 in these:

* one softmax over the vocabulary, with the input embedding, in place of the adaptive one;
* embeddings are not multiplied by the root of their width;
* both biases of the scores belong to a layer, as with their `--untie_r`;
* `dropout` is that of attention weights as well, which theirs does not have (dropatt 0).

The parameters of the query stream and of segments are not used, and stay as they are drawn.
`generate` of the class predicts with the query stream, so it is not for these models: what they
predict is `XLNetLMHeadModel(input_ids).logits`, the next token at every place.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import transformers

from schemas.errors import UsageError
from trainer.models.causal_families import ends_with, next_token_task
from trainer.models.family import Wanted, refuse_apart
from trainer.models.xlnet import XLNet
from trainer.tasks.architecture import Architecture
from trainer.tasks.next_tokens import NextTokenTask
from trainer.tasks.of_recipes import tasks_of
from trainer.tasks.permuted import PermutedTask
from transforms.build.corpus import Corpus
from transforms.contract.attention import CAUSAL, TWO_STREAM

TYPES: Mapping[str, str] = {CAUSAL: "uni", TWO_STREAM: "bi"}
"""`attn_type` of the configuration for an attention."""


class XLNetFamily:
    """Models of type "xlnet": XLNet (`attn_type` "bi") and Transformer-XL ("uni").

    The memory is that of the recipe: `mem_len` and `reuse_len` of a configuration must be the same
    or null.
    """

    subfolder = ""
    has_pairs = False
    attention: Sequence[str] = (CAUSAL, TWO_STREAM)
    attention_dropout = ""
    # A sequence is not cut into chunks.
    fields: Mapping[str, Any] = MappingProxyType({"chunk_size_feed_forward": 0})

    def complete(self, config: Any, token_types: int) -> None:
        config.mem_len = None

    def first_position(self, config: Any) -> int:
        return 0

    def positions(self, config: Any) -> int | None:
        return None

    def segments(self, config: Any) -> int | None:
        return None

    def check(self, name: str, config: Any, corpus: Corpus) -> None:
        recipe = corpus.recipe
        expected = TYPES[recipe.attention]
        if config.attn_type != expected:
            raise UsageError(
                f"--model {name} has attn_type {config.attn_type!r}, the rows of {corpus.folder} "
                f"need {expected!r}; set it, or train "
                f"{'transformer-xl-base' if expected == 'uni' else 'xlnet-base'}"
            )
        refuse_apart(name, corpus)
        reused = recipe.rules.reuse_len
        for field, needed in (("mem_len", recipe.memory), ("reuse_len", reused)):
            given = getattr(config, field)
            if given is not None and given != needed:
                raise UsageError(
                    f"--model {name} has {field} {given}, {corpus.folder} is made for {needed}; "
                    f"set it to {needed} or null"
                )

    def make(self, wanted: Wanted) -> XLNet:
        """Makes the model with its vocabulary head."""
        corpus, config = wanted.only_build(), wanted.config
        task = _task(wanted.name, corpus)
        recipe = corpus.recipe
        ends_with(config, corpus)
        config.mem_len = recipe.memory or None
        # Both say how rows are made, and would be in the way of whoever uses the model: `bi_data`
        # takes the second half of a batch for reversed, and fails for an odd number of rows;
        # `reuse_len` lets a text be remembered only as far as that.
        config.bi_data, config.reuse_len = False, None
        hf = wanted.made(transformers.XLNetLMHeadModel)
        hf.transformer.bi_data = recipe.segment.streams == 2
        hf.transformer.reuse_len = recipe.rules.reuse_len
        if recipe.attention == CAUSAL:
            unused = [hf.transformer.mask_emb]
            for layer in hf.transformer.layer:
                unused += [layer.rel_attn.seg_embed, layer.rel_attn.r_s_bias]
            for parameter in unused:
                parameter.requires_grad_(requires_grad=False)
        architecture = Architecture(head=lambda model: model.lm_loss)
        model = XLNet(
            hf,
            task=task.name,
            head=task.head(architecture, config),
            memory=recipe.memory,
            reuse_len=recipe.rules.reuse_len,
        )
        if recipe.attention == CAUSAL:
            model.notice = (
                "take next tokens from the logits of the model that is saved, not from its "
                "generate, which predicts by a query stream that is not trained here"
            )
        return model


def _task(name: str, corpus: Corpus) -> NextTokenTask | PermutedTask:
    """Returns the only task of the data."""
    if corpus.recipe.attention == CAUSAL:
        return next_token_task(name, [corpus])
    found = tasks_of(corpus.recipe)
    if len(found) != 1 or not isinstance(found[0], PermutedTask):
        names = ", ".join(each.name for each in found)
        raise UsageError(
            f"--model {name} learns the tokens of one order and nothing else, and {corpus.folder} "
            f"is made for {names}; build a recipe without the others"
        )
    return found[0]
