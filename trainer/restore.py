"""Restores texts with a saved encoder-decoder: fills their gaps, or continues them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from schemas.vocabulary import sentinel_name
from trainer.models.family import model_errors
from transforms.contract.denoising import CLEAN, CONTINUED, REMOVED

Ids = list[int]


class Restorer:
    """A model and its tokenizer, and how its decoder writes."""

    def __init__(
        self, folder: str, *, gap: str, device: torch.device, beams: int = 1, most: int = 128
    ) -> None:
        """Opens a model.

        Args:
          folder: That `from_pretrained` opens, saved by `shardmill train`.
          gap: What stands for a gap in a text.
          device: To compute on.
          beams: Of the search.
          most: Tokens that are written for a text, at most.

        Raises:
          UsageError: if there is none that restores texts.
        """
        self._folder, self._gap = folder, gap
        with model_errors(folder):
            config = transformers.AutoConfig.from_pretrained(folder)
        kind = getattr(config, "denoising", None)
        if kind not in RESTORE:
            raise UsageError(
                f"--model {folder} does not restore texts; give a model that shardmill train has "
                "saved, of rows of t5, bart or prefix-lm"
            )
        self._restore = RESTORE[str(kind)]
        with model_errors(folder):
            self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
            model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
        self._before, self._behind = _edges(self.tokenizer)
        self._model: Any = model.to(device).eval()
        self._positions = getattr(config, "max_position_embeddings", None)
        self._search = {"num_beams": beams, "max_new_tokens": most, "do_sample": False}

    def restored(self, text: str) -> str:
        """Returns a text with its gaps filled, or continued.

        Raises:
          UsageError: if the text has no gap and needs one, too many gaps, or is too long.
        """
        return self._restore(self, text)

    def pieces(self, text: str) -> list[Ids]:
        """Returns the ids of what is between the gaps; a text without a gap is one piece."""
        # A word behind a gap keeps its space, and a gap has the one before it.
        parts = text.split(self._gap)
        parts = [*(part.rstrip() for part in parts[:-1]), parts[-1]]
        return [self.tokenizer(part, add_special_tokens=False).input_ids for part in parts]

    def cut(self, text: str) -> list[Ids]:
        """Returns the pieces of a text, which must have a gap."""
        found = self.pieces(text)
        if len(found) == 1:
            raise UsageError(f"{_short(text)} has no gap; put {self._gap} where words are missing")
        return found

    def written(self, source: Ids) -> Ids:
        """Returns what the decoder writes for a source, given without its special tokens."""
        given = [*self._before, *source, *self._behind]
        if self._positions is not None and len(given) > self._positions:
            raise UsageError(
                f"a text has {len(given)} tokens, and --model {self._folder} has positions for "
                f"{self._positions}; shorten it"
            )
        ids = torch.tensor([given], device=self._model.device)
        with torch.no_grad():
            [found] = self._model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), **self._search
            )
        return [*map(int, found[1:])]

    def text(self, ids: Sequence[int]) -> str:
        """Returns the text of ids, special tokens left out."""
        found: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return found.strip()


def _edges(tokenizer: Any) -> tuple[Ids, Ids]:
    """Returns the special tokens before and behind a text."""
    whole, bare = (tokenizer("a", add_special_tokens=each).input_ids for each in (True, False))
    size = len(bare)
    begin = next(at for at in range(len(whole)) if whole[at : at + size] == bare)
    return whole[:begin], whole[begin + size :]


# Pieces a | d, sentinels X Y: the source a X d, written X b c: restored a b c d.
def _filled(restorer: Restorer, text: str) -> str:
    """Writes what stands in each gap behind its sentinel (T5)."""
    first, *rest = restorer.cut(text)
    names = [sentinel_name(number) for number in range(len(rest) + 1)]
    known = restorer.tokenizer.get_vocab()
    if lacking := [name for name in names[:-1] if name not in known]:
        raise UsageError(
            f"{_short(text)} has {len(rest)} gaps, and the tokenizer has no {lacking[0]} for them"
        )
    sentinels = [known[name] for name in names if name in known]
    source = [*first]
    for sentinel, piece in zip(sentinels, rest, strict=False):
        source += [sentinel, *piece]
    fills = _after(restorer.written(source), sentinels)
    found = [*first]
    for sentinel, piece in zip(sentinels, rest, strict=False):
        found += [*fills.get(sentinel, []), *piece]
    return restorer.text(found)


def _after(ids: Ids, sentinels: Sequence[int]) -> Mapping[int, Ids]:
    """Returns what stands behind each sentinel where it comes first, up to the next one."""
    found: dict[int, Ids] = {}
    current: Ids = []
    for each in ids:
        if each in sentinels:
            current = []
            found.setdefault(each, current)
        else:
            current.append(each)
    return found


def _rewritten(restorer: Restorer, text: str) -> str:
    """Writes the whole text (BART)."""
    first, *rest = restorer.cut(text)
    mask = restorer.tokenizer.mask_token_id
    source = [*first]
    for piece in rest:
        source += [mask, *piece]
    return restorer.text(restorer.written(source))


def _continued(restorer: Restorer, text: str) -> str:
    """Writes how the text goes on (prefix LM)."""
    [source, *gaps] = restorer.pieces(text)
    if gaps:
        raise UsageError(f"{_short(text)} has a gap, and this model continues texts; end it there")
    return restorer.text([*source, *restorer.written(source)])


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


RESTORE: Mapping[str, Callable[[Restorer, str], str]] = {
    REMOVED: _filled,
    CLEAN: _rewritten,
    CONTINUED: _continued,
}
"""By what the decoder was trained to write, see `transforms.contract.denoising.KINDS`."""
