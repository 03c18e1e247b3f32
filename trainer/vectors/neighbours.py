"""`shardmill neighbours`: the words whose vectors are nearest to those of others."""

import sys
from collections.abc import Sequence

from schemas.errors import UsageError
from schemas.numbers import whole
from schemas.parser import Parser
from schemas.program import one_sentence

_MOST = 1_000_000


def _parser() -> Parser:
    parser = Parser(
        "neighbours",
        description="Print the words nearest to each WORD by the cosine of their vectors, as "
        "shardmill vectors has trained them. With fasttext also of words that are not in the list.",
        epilog="Example: shardmill neighbours RUN king queen --top 5",
    )
    parser.add_argument("run", metavar="RUN", help="output folder of shardmill vectors")
    parser.add_argument("words", metavar="WORD", nargs="+", help="as it is written in the text")
    parser.add_argument(
        "--top", type=whole(1, _MOST), default=10, metavar="N", help="how many each (10)"
    )
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    given = _parser().parse_args(argv)
    # Options are read, and help is shown, without the time that these take to import.
    from trainer.vectors.read_files import UnknownWordError, read_vectors

    vectors = read_vectors(given.run)
    unknown = []
    for word in given.words:
        try:
            vector = vectors.vector(word)
        except UnknownWordError as error:
            unknown.append(str(error))
            continue
        nearest = vectors.nearest(vector, given.top, without=[word])
        if not nearest:
            raise UsageError(f"{given.run} has no word but {word!r}, so it has no neighbours")
        if len(given.words) > 1:
            sys.stdout.write(f"{word}:\n")
        sys.stdout.writelines(f"{cosine:7.4f}  {other}\n" for other, cosine in nearest)
    if unknown:
        # What was found comes before the message.
        sys.stdout.flush()
        raise UsageError(f"{given.run}: {'; '.join(unknown)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
