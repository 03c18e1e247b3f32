"""The options of filters, which leave documents out before the shuffle."""

import argparse
import dataclasses
import re
from collections.abc import Callable
from typing import Any

from pipelines.planning.refused_options import refuse_option
from schemas.errors import UsageError
from schemas.numbers import finite

QUALITIES = ("gopher", "gopher-repetition", "c4")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
DEFAULT_RECALL = 0.95
DEFAULT_CONFIDENCE = 0.65
NEAR_DUPLICATES, RECALL, KEEP_DROPPED = (
    "--near-duplicates",
    "--near-duplicates-recall",
    "--keep-dropped",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilterOptions:
    """Which documents the user wants left out.

    Attributes:
      languages: Codes of the languages that are kept; none if all are.
      confidence: Least probability of such a language, in (0, 1].
      quality: Of `QUALITIES`, in that order.
      boilerplate: Whether lines of boilerplate are removed.
      near_duplicates: The similarity of shingles from which documents count as near-duplicates;
        None if they are not looked for.
      recall: Least share of such pairs that is found.
      keep_dropped: Whether dropped documents are written to a folder.
    """

    languages: tuple[str, ...] = ()
    confidence: float = DEFAULT_CONFIDENCE
    quality: tuple[str, ...] = ()
    boilerplate: bool = False
    near_duplicates: float | None = None
    recall: float = DEFAULT_RECALL
    keep_dropped: bool = False

    @property
    def given(self) -> list[str]:
        """The options that were given."""
        used = {
            "--language": self.languages,
            "--boilerplate": self.boilerplate,
            "--quality": self.quality,
            "--near-duplicates": self.near_duplicates is not None,
        }
        return [name for name, value in used.items() if value]


def add_filter_options(parser: argparse.ArgumentParser, *, keep: bool = True) -> None:
    """Adds which documents are left out, of all that a command reads.

    Args:
      parser: Of a command.
      keep: Whether they can be kept in the output.
    """
    group = _add_document_filters(parser)
    group.add_argument(
        NEAR_DUPLICATES,
        type=finite(0, 1, above=True),
        metavar="S",
        help="keep one of documents whose shingles of 5 words, or 5 Chinese characters, have a "
        "Jaccard similarity of about S or more, such as 0.8 (MinHash; the input is read twice)",
    )
    group.add_argument(
        RECALL,
        type=finite(0, 1, above=True, below=True),
        metavar="R",
        help=f"share of the pairs of similarity S that must be found ({DEFAULT_RECALL})",
    )
    if keep:
        _add_keep_dropped(group)
    else:
        parser.set_defaults(keep_dropped=False)
        refuse_option(
            parser,
            KEEP_DROPPED,
            "the output is one file, and has no folder for them; shardmill build keeps what the "
            "same filters leave out",
            flag=True,
        )


def add_stream_filter_options(parser: argparse.ArgumentParser) -> None:
    """Adds which documents of a stream are left out: by filters that look at each one alone."""
    group = _add_document_filters(parser)
    _add_keep_dropped(group)
    parser.set_defaults(near_duplicates=None, near_duplicates_recall=None)
    for name in (NEAR_DUPLICATES, RECALL):
        refuse_option(
            parser,
            name,
            "which document of a group is kept depends on all of them, and a stream's windows are "
            "final before the next ones come; leave it out (equal documents are dropped across "
            "windows), or use shardmill build",
        )


def _add_document_filters(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Adds the filters that look at each document alone; returns the group of the options."""
    group = parser.add_argument_group("documents that are left out (none; see docs/filters.md)")
    group.add_argument(
        "--language",
        type=_read_by(_languages),
        metavar="CODES[:P]",
        help="keep documents in these languages alone, such as en,zh: those to which fastText's "
        f"lid.176 gives a probability of at least P ({DEFAULT_CONFIDENCE})",
    )
    group.add_argument(
        "--boilerplate",
        action="store_true",
        help="remove lines that are no sentences, or notices of policies, by the rules of C4",
    )
    group.add_argument(
        "--quality",
        type=_read_by(_qualities),
        metavar="NAMES",
        help=f"keep documents that pass these rules: some of {', '.join(QUALITIES)}",
    )
    return group


def _add_keep_dropped(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        KEEP_DROPPED,
        action="store_true",
        help="write the documents that are left out to dropped/ in the output folder (no)",
    )


def filter_options(given: argparse.Namespace) -> FilterOptions:
    """Returns the options of filters of a parsed command line.

    Raises:
      UsageError: if one is given that has no effect.
    """
    found: dict[str, Any] = {}
    if given.language is not None:
        found["languages"], found["confidence"] = _languages(given.language)
    if given.near_duplicates_recall is not None:
        if given.near_duplicates is None:
            raise UsageError(
                "--near-duplicates-recall says how many near-duplicates are found: give "
                "--near-duplicates, such as 0.8, too"
            )
        found["recall"] = given.near_duplicates_recall
    options = FilterOptions(
        quality=_qualities(given.quality) if given.quality is not None else (),
        boilerplate=given.boilerplate,
        near_duplicates=given.near_duplicates,
        keep_dropped=given.keep_dropped,
        **found,
    )
    if options.keep_dropped and not options.given:
        raise UsageError(
            "--keep-dropped keeps what filters such as --language or --quality leave out: give "
            "one, too"
        )
    return options


def _read_by(read: Callable[[str], object]) -> Callable[[str], str]:
    """Returns a type of options whose text can be read; it stays text, as a file of options has it.

    Args:
      read: Reads it, or says what is wrong.
    """

    def checked(text: str) -> str:
        read(text)
        return text

    return checked


def _languages(text: str) -> tuple[tuple[str, ...], float]:
    codes, colon, share = text.partition(":")
    try:
        confidence = finite(0, 1, above=True)(share) if colon else DEFAULT_CONFIDENCE
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"the probability {error}") from error
    names = [code.strip() for code in codes.split(",")]
    if wrong := [code for code in names if not _LANGUAGE.fullmatch(code)]:
        raise argparse.ArgumentTypeError(
            "must be codes of languages with commas between, such as en,zh or en:0.8, got "
            f"{wrong[0][:40]!r}"
        )
    return tuple(sorted(set(names))), confidence


def _qualities(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",")]
    if wrong := [name for name in names if name not in QUALITIES]:
        raise argparse.ArgumentTypeError(
            f"must be some of {', '.join(QUALITIES)}, with commas between, got {wrong[0][:40]!r}"
        )
    return tuple(name for name in QUALITIES if name in names)
