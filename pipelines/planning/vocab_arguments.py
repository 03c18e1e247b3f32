"""The command line of `shardmill vocab`."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.planning.filter_arguments import add_filter_options, filter_options
from pipelines.planning.options import WordOptions
from pipelines.planning.refused_options import refuse_option
from pipelines.planning.run_arguments import (
    add_input_options,
    add_process_options,
    add_segmenter_options,
    half_of_memory_gib,
)
from schemas.errors import UsageError
from schemas.numbers import whole
from schemas.parser import Parser
from transforms.records.json_fields import check_text_field
from transforms.records.labelled_records import record_fields

WORDS = "words"
"""The model whose vocabulary is counted, not trained."""
MAX_MIBS: Mapping[str, int] = {"wordpiece": 256, "bpe": 256, "unigram": 16}
"""How much text the models are trained on, in MiB, unless --max-mib says otherwise."""
MAX_MIB = 1 << 20
MAX_TOKENS = 1 << 24
MAX_COUNT = 1 << 53
_FREQUENCY, _COUNT = 2, 5
_OF_TOKENIZERS = ("max_mib", "lowercase", "min_frequency", "eod_token", "sentinels")
_OF_WORDS = ("min_count", "segmenter", "user_dict", "workers", "memory_gib", "temp_dir")


def _parser() -> Parser:
    parser = Parser(
        "vocab",
        shows_progress=True,
        description="Make a vocabulary of text that is read, normalised and freed of duplicates "
        "as shardmill build does it: train a tokenizer, or count words. The result does not depend "
        "on how the text is divided into files.",
        epilog="Examples: shardmill vocab --input 'TEXT/*.txt' --model wordpiece --size 30000 "
        "--output tokenizer.json; shardmill vocab --input 'TEXT/*.txt' --model words --workers 8 "
        "--output words.txt. For words every Beam option is passed on.",
    )
    source = add_input_options(parser)
    refuse_option(
        parser,
        "--source",
        "a vocabulary is made of each document once; name the files of all with --input",
    )
    source.add_argument(
        "--text-field",
        default="text",
        metavar="NAME",
        help="JSON field or column of a table (text), or several with + between them",
    )
    source.add_argument(
        "--max-mib",
        type=whole(1, MAX_MIB),
        metavar="N",
        help="train on a sample of this size if there is more text (256; for unigram, whose "
        "training is slow, 16; words are counted in all of it)",
    )
    add_filter_options(parser, keep=False)
    _add_model_options(parser)
    _add_word_options(parser)
    out = parser.add_argument_group("output")
    out.add_argument(
        "--output", required=True, metavar="FILE", help="file to write: JSON, or text for words"
    )
    out.add_argument("--overwrite", action="store_true", help="replace the file")
    add_process_options(
        parser, fit="--workers", place="beside FILE; the system's for a remote FILE"
    )
    # What was given is told from what was not.
    parser.set_defaults(**dict.fromkeys((*_OF_TOKENIZERS, *_OF_WORDS)))
    return parser


def _add_model_options(parser: Parser) -> None:
    """Adds what is made, and what decides the tokens of a tokenizer."""
    model = parser.add_argument_group("vocabulary")
    model.add_argument(
        "--model",
        required=True,
        choices=[*MAX_MIBS, WORDS],
        metavar="M",
        help="wordpiece (BERT), bpe (byte-level, RoBERTa), unigram (SentencePiece-like), or words: "
        "whole words with their counts (cbow, skipgram, fasttext, glove, elmo)",
    )
    model.add_argument(
        "--size",
        type=whole(1, MAX_TOKENS),
        metavar="N",
        help="tokens, special ones included; for words, where it may be left out, at most so many",
    )
    model.add_argument(
        "--lowercase",
        action=argparse.BooleanOptionalAction,
        help="make text lower case (wordpiece: yes, and without accents; others: no)",
    )
    model.add_argument(
        "--min-frequency",
        type=whole(1),
        metavar="N",
        help="minimum count of a pair to be merged, and of a character to be in the vocabulary "
        f"({_FREQUENCY})",
    )
    model.add_argument(
        "--eod-token",
        metavar="TOKEN",
        help="add an end-of-document token, which gpt, transformer-xl and xlnet need, such as "
        "'<|endoftext|>' or '<eod>' (none)",
    )
    model.add_argument(
        "--sentinels",
        type=whole(0, MAX_TOKENS),
        metavar="N",
        help="add so many sentinels, <extra_id_0> and so on, as t5 needs them: 100 are usual (0)",
    )


def _add_word_options(parser: Parser) -> None:
    """Adds what decides which words there are."""
    words = parser.add_argument_group("words")
    words.add_argument(
        "--min-count",
        type=whole(1, MAX_COUNT),
        metavar="N",
        help=f"minimum count of a word ({_COUNT})",
    )
    add_segmenter_options(words)


def parse_vocab_options(
    argv: Sequence[str] | None,
) -> tuple[argparse.Namespace, WordOptions | None]:
    """Parses the command line of `shardmill vocab`.

    Returns:
      All options, `filters` as `FilterOptions`; and those of words, None if a tokenizer is trained.

    Raises:
      UsageError: if an option is unknown, its value cannot be read, or it is not for the model.
    """
    parser = _parser()
    given, left = parser.parse_known_args(argv)
    given.filters = filter_options(given)
    if given.model == WORDS:
        _refuse(given, _OF_TOKENIZERS, "words are counted as they are written, in all of the text")
        return given, _word_options(given, _beam_arguments(left, parser))
    if left:
        # Says what is wrong with them.
        parser.parse_args(argv)
    _refuse(given, _OF_WORDS, f"for --model {WORDS} alone")
    if given.size is None:
        parser.error("the following arguments are required: --size")
    given.min_frequency = _FREQUENCY if given.min_frequency is None else given.min_frequency
    given.sentinels = given.sentinels or 0
    return given, None


def _beam_arguments(left: Sequence[str], parser: Parser) -> Sequence[str]:
    """Returns what is left of a command line as Beam understands it."""
    if not left:
        return ()
    # Beam takes seconds to import, and most runs need none of it.
    from pipelines.planning.beam_arguments import read_beam_arguments

    return read_beam_arguments(left, parser)


def _word_options(given: argparse.Namespace, beam_args: Sequence[str]) -> WordOptions:
    defaults = {
        "min_count": _COUNT,
        "segmenter": "auto",
        "workers": 1,
        "memory_gib": half_of_memory_gib(),
    }
    names = {field.name for field in dataclasses.fields(WordOptions)} - {"beam_args"}
    own: dict[str, Any] = {name: getattr(given, name) for name in names}
    own |= {name: value for name, value in defaults.items() if own[name] is None}
    own["input"] = tuple(given.input)
    return WordOptions(**own, beam_args=tuple(beam_args))


def _refuse(given: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Refuses options that do nothing for a model."""
    unused = [f"--{name.replace('_', '-')}" for name in names if getattr(given, name) is not None]
    if unused:
        raise UsageError(f"--model {given.model}: leave out {', '.join(unused)}: {why}")


def check_field(text_field: str) -> None:
    """Raises ValueError unless this names one field."""
    check_text_field(text_field)
    if record_fields(text_field):
        raise ValueError(
            f"--text-field {text_field}: a vocabulary is learned of one field; name the title's, "
            "or the query's"
        )
