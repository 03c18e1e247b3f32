"""The pairs of words of a build that count most, for people."""

import dataclasses

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.report.pair_facts import pairs_line
from schemas.checked_json import DamagedError
from schemas.co_occurrences import PairsRecord
from schemas.terminal import print_table
from schemas.word_list import words_by_id
from transforms.build.corpus import Corpus
from transforms.counting.check_pairs import read_pairs
from transforms.files.checked_files import UnreadableError

_MOST = 20


@dataclasses.dataclass(frozen=True)
class ShownPair:
    """A pair of words and what it counts."""

    word: str
    context: str
    value: float


@dataclasses.dataclass(frozen=True)
class PairsShown:
    """What is shown of counts of pairs.

    Attributes:
      line: What there is, in words.
      pairs: Those of the first shard that count most; if both orders count the same, one of them.
      shards: How many shards there are. Each has a random part of all pairs.
    """

    line: str
    pairs: list[ShownPair]
    shards: int


def pairs_shown(corpus: Corpus, most: int = _MOST) -> PairsShown | None:
    """Returns what is shown of a build; None if it has no counts of pairs.

    Raises:
      DamagedError: if the first shard is not what the manifest says.
    """
    record = corpus.manifest.cooccurrences if corpus.manifest else None
    if record is None:
        return None
    return PairsShown(pairs_line(record), _largest(corpus, record, most), len(record.shards))


def _largest(corpus: Corpus, record: PairsRecord, most: int) -> list[ShownPair]:
    try:
        pairs = read_pairs(corpus.folder, record.shards[0], hashed=False)
    except UnreadableError as error:
        raise DamagedError(str(error.args[1])) from error
    kept = np.arange(len(pairs.words))
    if record.symmetric:
        kept = np.flatnonzero(pairs.words <= pairs.contexts)
    first = kept[np.argsort(-pairs.values[kept], kind="stable")[:most]]
    names = words_by_id(corpus.tokenizer_json)
    return [
        ShownPair(names[word], names[context], value)
        for word, context, value in zip(
            pairs.words[first].tolist(),
            pairs.contexts[first].tolist(),
            pairs.values[first].tolist(),
            strict=True,
        )
    ]


def show_pairs(corpus: Corpus, console: Console) -> None:
    """Prints the pairs that count most; nothing if the build has none."""
    if (shown := pairs_shown(corpus)) is None:
        return
    console.print(f"[bold]{shown.line}[/bold]")
    if shown.shards > 1:
        share = 1 / shown.shards
        console.print(f"these count most in the first shard, a random {share:.1%} of them:")
    table = Table("word", "context", "value", box=None)
    for pair in shown.pairs:
        # A word may look like markup.
        table.add_row(Text(pair.word), Text(pair.context), f"{pair.value:,.2f}")
    print_table(table, console)
