"""Small tokenizers of all formats, made by hand or trained on the bundled sample."""

import base64
import functools
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.tokenizers.given import Given
from pipelines.tokenizers.model_proto import model_class

SAMPLE = Path(__file__).resolve().parents[2] / "sample"

UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 2, 3, 4, 5, 6
UNIGRAM, BPE = 1, 2
SPECIAL = (("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL))


@functools.cache
def lines_of_sample() -> tuple[str, ...]:
    texts = [path.read_text("utf-8") for path in sorted(SAMPLE.glob("*.txt"))]
    return tuple(line for text in texts for line in text.split("\n") if line)


@functools.cache
def trained_model(kind: str, **options: Any) -> bytes:
    """A SentencePiece model of the sample; two versions may not train the same."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines_of_sample()[::2]),
        model_writer=model,
        model_type=kind,
        vocab_size=1500,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
        character_coverage=0.98,
        **options,
    )
    return model.getvalue()


def model_of(
    pieces: Sequence[tuple[str, float, int] | tuple[str, float]],
    model_type: int = UNIGRAM,
    trainer: Mapping[str, Any] | None = None,
    normalizer: Mapping[str, Any] | None = None,
) -> bytes:
    """A SentencePiece model of these pieces: text, score, and type if it is not that of text."""
    model = model_class()()
    for text, score, *kind in pieces:
        model.pieces.add(piece=text, score=score, type=kind[0] if kind else 1)
    model.trainer_spec.model_type = model_type
    for spec, given in ((model.trainer_spec, trainer), (model.normalizer_spec, normalizer)):
        for name, value in (given or {}).items():
            setattr(spec, name, value)
    found: bytes = model.SerializeToString()
    return found


def tiktoken_of(*tokens: bytes) -> bytes:
    """A tiktoken file of all single bytes, whose ids are their numbers, and these tokens."""
    each = [*(bytes([byte]) for byte in range(256)), *tokens]
    return b"".join(b"%s %d\n" % (base64.b64encode(t), rank) for rank, t in enumerate(each))


def given_file(name: str, content: bytes, config: Mapping[str, Any] | None = None) -> Given:
    """One file, and its tokenizer_config.json beside it."""
    configs = {} if config is None else {"tokenizer_config.json": json.dumps(config).encode()}
    return Given(name=f"here/{name}", files={name: content}, configs=configs)
