"""`shardmill build`: raw text to finished, verified shards."""

import sys
from collections.abc import Sequence

from pipelines.planning.build_arguments import parse_build_options
from schemas.program import one_sentence


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = parse_build_options(argv)
    # Options are read, and help is shown, without the seconds that Beam takes to import.
    from pipelines.run_build import run_build

    return run_build(options)


if __name__ == "__main__":
    sys.exit(main())
