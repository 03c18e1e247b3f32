"""A SentencePiece model: unigram or BPE, with its normalisation."""

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.tokenizers.converted import Converted, Original, appended, role_names
from pipelines.tokenizers.given import Given
from pipelines.tokenizers.libraries import library, versioned
from schemas.token_kinds import METASPACE
from schemas.vocabulary import ROLES

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = range(1, 7)
_UNIGRAM, _BPE = 1, 2
_UNKNOWN_PENALTY = 10.0
_USER_DEFINED_PENALTY = 0.1
_ROLES_NAMED = ("cls", "sep", "mask", "pad", "unk")
# The model knows by itself which tokens these are; every name that a role may have.
_USUAL = frozenset(name for names in ROLES.values() for name in names)


def find_model(given: Given) -> str | None:
    """Returns the name of a file that begins as a serialised SentencePiece model does.

    That is a field of pieces, the first of which begins with its text: 0A length 0A length.

    Raises:
      UsageError: if several files of a folder do.
    """
    found = [name for name, content in given.files.items() if _is_model(content)]
    if len(found) > 1:
        raise given.problem(f"there are several SentencePiece models, {', '.join(found)}; name one")
    return found[0] if found else None


def _is_model(content: bytes) -> bool:
    return content[:1] == b"\n" and content[2:3] == b"\n" and b"\0" in content


@dataclasses.dataclass(frozen=True)
class _Model:
    """A parsed model.

    Attributes:
      proto: A `ModelProto`.
      added: Tokens to append.
    """

    proto: Any
    added: Sequence[str]

    @property
    def pieces(self) -> list[tuple[str, float, int]]:
        """Text, score and type of every piece, by id."""
        return [(piece.piece, piece.score, piece.type) for piece in self.proto.pieces]

    @property
    def of_text(self) -> dict[str, float]:
        """The scores of the pieces that text is cut into."""
        return {text: score for text, score, kind in self.pieces if kind == _NORMAL}

    @property
    def user_defined(self) -> list[str]:
        return [text for text, _, kind in self.pieces if kind == _USER_DEFINED]

    @property
    def unknown(self) -> str:
        return next(text for text, _, kind in self.pieces if kind == _UNKNOWN)

    @property
    def byte_fallback(self) -> bool:
        return bool(self.proto.trainer_spec.byte_fallback)

    @property
    def special(self) -> list[str]:
        """Tokens that are no text, in the order of their ids."""
        kinds = (_CONTROL, _UNKNOWN)
        own = [t for t, _, kind in self.pieces if kind in kinds or t in _USUAL]
        return list(dict.fromkeys([*own, *self.added]))

    @property
    def cuts_at_spaces(self) -> bool:
        """Whether no piece reaches over a space, and no unknown text does."""
        texts = [*self.of_text, *self.user_defined]
        alone = METASPACE in self.of_text or self.byte_fallback
        return alone and not any(METASPACE in text[1:] or " " in text for text in texts)


def convert_model(given: Given, name: str) -> Converted:
    """Makes a tokenizer that gives the ids of a SentencePiece model.

    Tokens of `given.added` that the model lacks are appended.

    Raises:
      UsageError: if the model is damaged, or of a kind that has no counterpart in `tokenizers`.
    """
    sentencepiece = library(given, "sentencepiece", "a SentencePiece model")
    # Not before it is needed, and only beside sentencepiece: Beam's commands load it anyway.
    from google.protobuf.message import DecodeError

    from pipelines.tokenizers.model_proto import parse_model

    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=given.files[name])
        proto = parse_model(given.files[name])
    except (DecodeError, RuntimeError, ValueError, OSError) as error:
        raise given.problem(
            f"{name} begins as a SentencePiece model and is damaged; copy it again, and compare "
            "its size or checksum with the original's"
        ) from error
    _refuse_unknown_kinds(given, name, proto)
    known = {piece.piece for piece in proto.pieces}
    added = dict.fromkeys(given.added.values())
    model = _Model(proto, [token for token in added if token not in known])
    kind, build = _MODELS[proto.trainer_spec.model_type]
    tokenizer = build(model)
    _add_pipeline(tokenizer, model, compose=_composes(processor))
    tokens = [*known, *model.added]
    named = {role: given.token(role) for role in _ROLES_NAMED}
    first = len(proto.pieces)
    more = appended({token: first + number for number, token in enumerate(model.added)})
    return Converted(
        tokenizer_json=tokenizer.to_str(),
        what=f"SentencePiece model {name} ({kind}, {len(proto.pieces):,} pieces{more})",
        original=Original(versioned("sentencepiece"), processor.encode, _score(model)),
        appends=True,
        names=role_names(named, tokens),
    )


def _refuse_unknown_kinds(given: Given, name: str, proto: Any) -> None:
    trainer, normalizer = proto.trainer_spec, proto.normalizer_spec
    if wrong := next((each.piece for each in proto.pieces if not math.isfinite(each.score)), None):
        raise given.problem(f"{name} is damaged: the score of {wrong!r} is no number")
    if trainer.model_type not in _MODELS:
        raise given.problem(
            f"{name} is a SentencePiece model of words or characters; models of type unigram and "
            "bpe can be converted"
        )
    if trainer.treat_whitespace_as_suffix or not normalizer.escape_whitespaces:
        option = "treat_whitespace_as_suffix"
        option = option if trainer.treat_whitespace_as_suffix else "escape_whitespaces=false"
        raise given.problem(
            f"{name} was trained with {option}, which `tokenizers` cannot express; train it "
            "without that option"
        )


def _unigram(model: _Model) -> Any:
    """Returns the model of a unigram model.

    SentencePiece never finds control symbols in text, and gives symbols of the user a score by
    their length. `tokenizers` knows scores alone, so these get one that does the same.
    """
    from tokenizers import Tokenizer, models

    scores = model.of_text.values()
    # Text that looks like a control symbol is cut in any other way, unknown characters included.
    least, most = min(scores, default=0.0) - _UNKNOWN_PENALTY, max(scores, default=0.0)

    def score(text: str, own: float, kind: int) -> float:
        if kind == _NORMAL:
            return own
        if kind == _USER_DEFINED:
            return _user_defined(text, most)
        return (len(text) + 1) * least

    pieces = [(text, score(text, own, kind)) for text, own, kind in model.pieces]
    pieces += [(token, score(token, 0.0, _CONTROL)) for token in model.added]
    unknown = next(number for number, piece in enumerate(model.pieces) if piece[2] == _UNKNOWN)
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=model.byte_fallback))
    _add_special(tokenizer, model)
    return tokenizer


def _user_defined(text: str, most: float) -> float:
    """Returns the score of a symbol of the user, by the best score of a piece."""
    return len(text) * most - _USER_DEFINED_PENALTY


def _bpe(model: _Model) -> Any:
    """Returns the model of a BPE model: the best pair of neighbours has the highest score."""
    from tokenizers import Tokenizer, models

    tokens = [text for text, _, _ in model.pieces]
    ids = {text: number for number, text in enumerate([*tokens, *model.added])}
    tokenizer = Tokenizer(
        models.BPE(
            vocab=ids,
            merges=list(_merges(model.of_text, ids)),
            unk_token=model.unknown,
            fuse_unk=True,
            byte_fallback=model.byte_fallback,
            # What the pre-tokenizer isolates is a token, though no merges make it.
            ignore_merges=bool(model.user_defined),
        )
    )
    _add_special(tokenizer, model)
    return tokenizer


def _score(model: _Model) -> Callable[[Sequence[int]], float] | None:
    """Returns what adds up the scores of pieces; BPE has no such sum."""
    if model.proto.trainer_spec.model_type != _UNIGRAM:
        return None
    known = model.of_text.values()
    unknown = min(known, default=0.0) - _UNKNOWN_PENALTY
    most = max(known, default=0.0)
    never = -math.inf
    by_kind = {_UNKNOWN: unknown, _BYTE: unknown}

    def score(text: str, own: float, kind: int) -> float:
        if kind == _NORMAL:
            return own
        return _user_defined(text, most) if kind == _USER_DEFINED else by_kind.get(kind, never)

    scores = [*(score(*piece) for piece in model.pieces), *(never for _ in model.added)]
    return lambda ids: math.fsum(map(scores.__getitem__, ids))


def _add_special(tokenizer: Any, model: _Model) -> None:
    from tokenizers import AddedToken

    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in model.special])


# {"a": -1, "b": -2, "ab": -3}  ->  ("a", "b")
def _merges(scores: Mapping[str, float], ids: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yields the pairs that may be merged, the best first.

    Args:
      scores: Of the pieces of text; no other is merged, or comes of a merge.
      ids: Of all tokens.
    """
    for piece in sorted(scores, key=lambda piece: (-scores[piece], ids[piece])):
        for cut in range(1, len(piece)):
            if piece[:cut] in scores and piece[cut:] in scores:
                yield piece[:cut], piece[cut:]


_MODELS = {_UNIGRAM: ("unigram", _unigram), _BPE: ("bpe", _bpe)}


def _composes(processor: Any) -> bool:
    """Whether the model composes characters.

    `tokenizers` looks a character with its marks up in the model's table if they have five bytes
    at most, and else each by itself: the letters of a Korean syllable have nine. So NFC composes
    them, before and behind the table, if the model does.
    """
    return "\ud55c" in str(processor.normalize("\u1112\u1161\u11ab"))


def _add_pipeline(tokenizer: Any, model: _Model, *, compose: bool) -> None:
    """Adds what is done to a text before it is cut into pieces, and undone when it is decoded.

    SentencePiece applies its table of characters, drops outer spaces and collapses inner ones if
    the model says so, puts a space in front, and writes every space as U+2581.
    """
    from tokenizers import Regex, decoders, normalizers, pre_tokenizers

    spec = model.proto.normalizer_spec
    steps: list[Any] = []
    if spec.precompiled_charsmap:
        composed = [normalizers.NFC()] if compose else []
        steps += [*composed, normalizers.Precompiled(spec.precompiled_charsmap), *composed]
    if spec.remove_extra_whitespaces:
        steps += [
            normalizers.Replace(Regex(r" +\z"), ""),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
        if not spec.add_dummy_prefix:
            steps.append(normalizers.Replace(Regex(r"\A +"), ""))
        # A space that is left in front becomes the one that is put there.
        scheme = "first" if spec.add_dummy_prefix else "never"
    else:
        steps += [normalizers.Prepend(METASPACE)] if spec.add_dummy_prefix else []
        scheme = "never"
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)
    cuts: list[Any] = [pre_tokenizers.Metaspace(prepend_scheme=scheme, split=model.cuts_at_spaces)]
    if model.user_defined and model.proto.trainer_spec.model_type == _BPE:
        # The longest is found first, before anything is merged.
        symbols = sorted(model.user_defined, key=len, reverse=True)
        cuts.append(pre_tokenizers.Split(Regex("|".join(map(re.escape, symbols))), "isolated"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts) if len(cuts) > 1 else cuts[0]
    strip = [decoders.Strip(" ", 1, 0)] if spec.add_dummy_prefix else []
    parts = [decoders.Replace(METASPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    tokenizer.decoder = decoders.Sequence(parts)
