"""The families of encoders: masked-LMs of `transformers` with the heads that the data need."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import transformers

from schemas.entities import ENTITIES, entities_text
from schemas.errors import UsageError
from trainer.models.encoder import Encoder
from trainer.models.entity_embeddings import WIDTH, read_embeddings
from trainer.models.family import BidirectionalFamily, Wanted, model_errors
from trainer.models.token_types import add_token_types
from trainer.rows.row_source import given_tokens
from trainer.tasks.architecture import Architecture
from trainer.tasks.members import task_embedding
from trainer.tasks.of_recipes import shared_tasks
from transforms.contract.attention import BIDIRECTIONAL, MULTI_FLOW, STRUCTURED


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderFamily(Architecture, BidirectionalFamily):
    """Encoders of one `model_type`.

    Attributes:
      masked_lm: Class for examples without pairs.
      pairs: Class for pairs of segments, or None if there is none.
      backbone: Name of the encoder in both.
    """

    subfolder: ClassVar[str] = ""
    attention = BIDIRECTIONAL, STRUCTURED, MULTI_FLOW

    masked_lm: str
    pairs: str | None
    backbone: str

    @property
    def has_pairs(self) -> bool:
        return self.pairs is not None

    def make(self, wanted: Wanted) -> Encoder:
        """Makes a masked-LM with the heads that the data need."""
        name, config, corpora = wanted.name, wanted.config, wanted.corpora
        entities = next((each.entities for each in corpora if each.entities), ())
        embeddings = None
        if entities:
            if wanted.entity_embeddings:
                embeddings = read_embeddings(wanted.entity_embeddings, entities)
            # Heads read these; the names are those of transformers' LUKE.
            config.entity_vocab_size = len(entities)
            learned = getattr(config, "entity_emb_size", WIDTH)
            config.entity_emb_size = learned if embeddings is None else embeddings.shape[1]
        recipes = [each.recipe for each in corpora]
        tasks = shared_tasks(recipes)
        paired = any(recipe.pair.task is not None for recipe in recipes)
        kind = getattr(transformers, str(self.pairs if paired else self.masked_lm))
        hf = wanted.made(kind)
        _check_task_embedding(name, hf, len(recipes))
        added = add_token_types(hf, [mode for recipe in recipes for mode in recipe.modes])
        encoder = Encoder(
            hf,
            backbone=self.backbone,
            heads={task.name: task.head(self, config) for task in tasks},
            longest=max(given_tokens(recipe, wanted.longest) for recipe in recipes),
            first_position=self.first_position(config),
            files={ENTITIES: entities_text(entities)} if entities else {},
        )
        if paired and not any(task.uses_pair_head for task in tasks):
            # The model's classifier has two classes, and nothing trains it: it stays as it is.
            self.pair_classifier(hf).requires_grad_(requires_grad=False)
        if wanted.saved is not None:
            with model_errors(name):
                encoder.load_heads(name)
        if embeddings is not None:
            head: Any = encoder.heads["dea"]
            head.freeze(embeddings)
        encoder.notice = "; ".join(filter(None, [added, encoder.notice]))
        return encoder


def _check_task_embedding(name: str, hf: Any, members: int) -> None:
    """Refuses a model with a task embedding that is smaller than the number of members."""
    embedding = task_embedding(hf)
    if embedding is not None and embedding.num_embeddings < members:
        raise UsageError(
            f"--model {name} has task_type_vocab_size {embedding.num_embeddings}, and the mixture "
            f"has {members} members; set it to {members} or more, or use_task_id to false"
        )


def _bert(name: str) -> EncoderFamily:
    return EncoderFamily(
        masked_lm=f"{name}ForMaskedLM",
        pairs=f"{name}ForPreTraining",
        backbone=name.lower(),
        head=lambda model: model.cls.predictions,
        pooled=lambda model, first: model.base_model.pooler(first[:, None]),
        pair_classifier=lambda model: model.cls.seq_relationship,
        layers=lambda model: model.base_model.encoder.layer,
    )


def _roberta(name: str) -> EncoderFamily:
    return EncoderFamily(
        masked_lm=f"{name}ForMaskedLM",
        pairs=None,
        backbone="roberta",
        head=lambda model: model.lm_head,
        after_padding=True,
        layers=lambda model: model.base_model.encoder.layer,
    )


ENCODERS: Mapping[str, EncoderFamily] = {
    "albert": EncoderFamily(
        masked_lm="AlbertForMaskedLM",
        pairs="AlbertForPreTraining",
        backbone="albert",
        head=lambda model: model.predictions,
        pooled=lambda model, first: model.base_model.pooler_activation(
            model.base_model.pooler(first)
        ),
        pair_classifier=lambda model: model.sop_classifier,
    ),
    "bert": _bert("Bert"),
    "ernie": _bert("Ernie"),
    "roberta": _roberta("Roberta"),
    "xlm-roberta": _roberta("XLMRoberta"),
}
"""By `model_type` of the configuration."""
