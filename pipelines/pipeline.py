"""`shardmill pipeline`: runs the steps of a file, and only those that are not done."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.stages.digests import Digests
from pipelines.stages.run_step import run_step
from pipelines.stages.show_steps import plan_json, plan_text
from pipelines.stages.stages_file import Stages, read_stages
from pipelines.stages.states import Planned, make_plan, state_of
from schemas.errors import UsageError
from schemas.lock import hold_file
from schemas.parser import Parser
from schemas.program import one_sentence
from schemas.terminal import columns, is_quiet, write_json
from schemas.wording import nearest


def _parser() -> Parser:
    parser = Parser(
        "pipeline",
        shows_progress=True,
        description="Run several commands as one: pretraining, pretraining on the text of a task, "
        "fine-tuning. FILE lists the steps; a step whose output is there and whose inputs and "
        "options are unchanged is skipped.",
        epilog="Stopped at any time, the same command goes on where it was. docs/stages.md has a "
        "whole example.",
    )
    add = parser.add_argument
    add("file", metavar="FILE", help="TOML; its paths begin at the folder that it is in")
    add("--dry-run", action="store_true", help="print the plan and stop")
    add("--json", action="store_true", help="print the plan as JSON, for programs, and stop")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--only", metavar="NAME", help="do this step alone, on the outputs that are there"
    )
    chosen.add_argument("--until", metavar="NAME", help="stop after this step")
    add(
        "--overwrite",
        action="store_true",
        help="do changed steps again where their outputs are there: builds, annotations and "
        "vocabularies are replaced; what was trained, predicted or exported is kept as "
        "NAME.before-1",
    )
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    stages = read_stages(options.file)
    chosen = _chosen(stages, options)
    if options.dry_run or options.json:
        plan = make_plan(stages, Digests(stages.place), chosen)
        if options.json:
            write_json(plan_json(stages, plan), indent=2)
        else:
            _show(stages, plan)
        return 0
    with hold_file(Path(stages.place), "pipeline"):
        _run(stages, chosen, overwrite=options.overwrite)
    return 0


def _chosen(stages: Stages, options: argparse.Namespace) -> list[str]:
    """Returns the names of the steps that may be run."""
    names = [step.name for step in stages.steps]
    for option, name in (("--only", options.only), ("--until", options.until)):
        if name is not None and name not in names:
            raise UsageError(f"{option} {name}: no step has this name; {nearest(name, names)}")
    if options.only is not None:
        return [options.only]
    return names if options.until is None else names[: names.index(options.until) + 1]


def _show(stages: Stages, plan: Sequence[Planned]) -> None:
    sys.stdout.write(plan_text(stages, plan, columns()))


def _run(stages: Stages, chosen: Sequence[str], *, overwrite: bool) -> None:
    """Does what is to do of steps, whose outputs are held."""
    digests = Digests(stages.place)
    plan = make_plan(stages, digests, chosen)
    if not is_quiet():
        _show(stages, plan)
        sys.stdout.write("\n")
    _refuse(stages, plan, overwrite=overwrite)
    for number, step in enumerate(stages.steps, 1):
        if step.name not in chosen:
            continue
        # What was to do again before may be as it was, now that the steps before are done.
        state = state_of(stages, step, digests)
        line = f"step {number} of {len(stages.steps)}: {step.name} ({step.command})"
        if not is_quiet():
            sys.stdout.write(f"{line}: {state}\n")
            sys.stdout.flush()
        if state.kind != "done":
            _refuse(stages, [Planned(step, state)], overwrite=overwrite)
            run_step(stages, step, state, digests, overwrite=overwrite)
        digests.save()
    what = "all steps are" if len(chosen) == len(stages.steps) else f"{', '.join(chosen)}:"
    sys.stdout.write(f"{stages.output}: {what} done\n")


def _refuse(stages: Stages, plan: Sequence[Planned], *, overwrite: bool) -> None:
    """Refuses to run where something is in the way that was not said to be replaced."""
    for planned in plan:
        if planned.state is not None and planned.state.kind == "in the way":
            raise UsageError(
                f"{stages.place_of(planned.step.name)} is there, and no step of this pipeline made "
                "it; move it away, or give the step another name"
            )
    changed = [
        f"{planned.step.name} ({'; '.join(planned.state.reasons)})"
        for planned in plan
        if planned.state is not None and planned.state.replaces
    ]
    if changed and not overwrite:
        raise UsageError(
            f"to do again, and the outputs are there: {', '.join(changed)}; allow that with "
            "--overwrite, or undo the change"
        )


if __name__ == "__main__":
    sys.exit(main())
