"""`shardmill vectors`: from a finished build of words to their vectors."""

import sys
from collections.abc import Sequence

from schemas.program import one_sentence
from trainer.vectors.options import parse_vectors_options


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = parse_vectors_options(argv)
    # Options are read, and help is shown, without the time that these take to import.
    from trainer.vectors.train import train_vectors

    return train_vectors(options)


if __name__ == "__main__":
    sys.exit(main())
