"""`shardmill distil`: exits for a fine-tuned classifier, by the same run as `shardmill train`."""

import sys
from collections.abc import Sequence

from schemas.program import one_sentence
from trainer.distil_options import parse_distil_options
from trainer.train import run


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status: 128 and a signal's number if one stopped it."""
    return run(parse_distil_options(argv))


if __name__ == "__main__":
    sys.exit(main())
