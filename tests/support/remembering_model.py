"""A small model with a memory: it predicts from the token, and from a mean of those before."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.losses import LossTerm
from transforms.build.corpus import Corpus

State = Mapping[str, Tensor]


class Remembering(torch.nn.Module):
    """Remembers, of each lane, a mean of the embeddings of its tokens, and how many there were."""

    layout, stateful = "lanes", True

    def __init__(self, size: int, width: int = 16) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(size, width)
        self.mix = torch.nn.Linear(2 * width, width)
        self.drop = torch.nn.Dropout(0.1)
        self.out = torch.nn.Linear(width, size)

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {"lm": (batch["labels"] != -100).sum()}

    def forward(
        self, batch: Batch, state: State | None
    ) -> tuple[dict[str, LossTerm], dict[str, Tensor]]:
        tokens = self.embed(batch["input_ids"])
        lanes, _, width = tokens.shape
        if state is None:
            state = {"mean": tokens.new_zeros(lanes, width), "seen": tokens.new_zeros(lanes).long()}
        kept = ~batch["reset"]
        before, seen = state["mean"] * kept[:, None], state["seen"] * kept
        mixed = self.mix(torch.cat([tokens, before[:, None].expand_as(tokens)], dim=-1))
        logits = self.out(self.drop(torch.tanh(mixed)))
        loss = cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="sum")
        hits = (logits.argmax(-1) == batch["labels"]).sum()
        after = {"mean": (before + tokens.mean(1)) / 2, "seen": seen + tokens.shape[1]}
        return {"lm": LossTerm(loss, hits)}, after

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        torch.save(self.state_dict(), Path(folder, "model.pt"))
        Path(folder, "config.json").write_text(json.dumps({}), "utf-8")


def remembering(corpus: Corpus) -> Remembering:
    """Makes the model for `--model tests.support.remembering_model:remembering`."""
    seed_torch(0, "remembering")
    return Remembering(corpus.vocabulary.size)


NAME = f"{__name__}:{remembering.__name__}"
