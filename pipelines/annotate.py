"""`shardmill annotate`: finds entities and phrases once, for any build to use."""

import sys
from collections.abc import Sequence

from pipelines.planning.annotate_arguments import parse_annotate_options
from schemas.program import one_sentence


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = parse_annotate_options(argv)
    # Options are read, and help is shown, without the seconds that Beam takes to import.
    from pipelines.run_annotate import run_annotate

    return run_annotate(options)


if __name__ == "__main__":
    sys.exit(main())
