"""`shardmill follow`: a folder or a bucket that grows becomes a stream of builds."""

import sys
from collections.abc import Sequence

from pipelines.planning.follow_arguments import parse_follow_options
from schemas.program import one_sentence


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = parse_follow_options(argv)
    # Options are read, and help is shown, without the seconds that Beam takes to import.
    from pipelines.run_follow import run_follow

    return run_follow(options)


if __name__ == "__main__":
    sys.exit(main())
