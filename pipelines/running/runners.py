"""Where a command runs: on this machine without Beam, or on the runner of Beam that is named."""

from collections.abc import Sequence

from pipelines.running.local_runner import LocalRunner
from pipelines.running.work import Runner
from pipelines.running.worker import set_file_systems
from schemas.errors import UsageError
from transforms.files.storage import is_local


def choose_runner(arguments: Sequence[str], workers: int, temp_dir: str | None = None) -> Runner:
    """Returns the runner that Beam's options name, or the local one if they name none.

    Args:
      arguments: Beam's options.
      workers: Processes of a local run.
      temp_dir: Where a local run spills text.

    Raises:
      UsageError: if options of local runs are given beside a runner, or options of a runner without
        one, or the runner refuses its options, or `temp_dir` is remote.
    """
    # Beam takes seconds to import, and a local run needs none of it.
    if arguments:
        from pipelines.running.beam_runner import beam_runner, runner_named

        if runner_named(arguments) is not None:
            if workers > 1:
                raise UsageError(
                    "--workers is for local runs; give the runner's own option for workers"
                )
            if temp_dir is not None:
                raise UsageError("--temp-dir is for local runs without --runner; leave it out")
            return beam_runner(arguments)
    if own := [each for each in arguments if each.startswith("--direct_")]:
        raise UsageError(
            f"{own[0]} is an option of Beam's local runners: name one (--runner=FnApiRunner), or "
            "give --workers instead"
        )
    if temp_dir is not None and not is_local(temp_dir):
        raise UsageError(f"--temp-dir {temp_dir}: name a folder of this machine")
    if arguments:
        # The first thing that is looked at may lie in a store.
        set_file_systems(list(arguments))
    return LocalRunner(workers=workers, temp_dir=temp_dir, beam_args=tuple(arguments))
