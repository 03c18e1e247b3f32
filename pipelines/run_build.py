"""Runs a build: raw text to finished, verified shards."""

import dataclasses
import sys
import time

from pipelines.count_pairs import count_pairs
from pipelines.folder.clearing import end_work
from pipelines.folder.locks import Locks
from pipelines.folder.owned import REJECTED
from pipelines.folder.prepare import Wanted, prepare
from pipelines.near_duplicates import (
    filter_files,
    find_near_duplicates,
    forget_near_duplicates,
    search_of,
)
from pipelines.planning.options import BuildOptions
from pipelines.planning.plan import BuildPlan, make_plan
from pipelines.planning.show_plan import show_plan
from pipelines.report.finish import finish
from pipelines.report.summary import show_summary
from pipelines.running.runners import choose_runner
from pipelines.running.work import Runner
from pipelines.waves import missing_of, owned, run_to_end
from schemas.columns import ENTITY_IDS
from schemas.config_file import saved_name
from schemas.counts import COUNTS
from schemas.entities import ENTITIES
from schemas.errors import UsageError
from schemas.manifest import MANIFEST
from schemas.terminal import say
from transforms.build.build_shards import ShardBuilder
from transforms.build.write_shard import read_entries
from transforms.files.paths import real_path
from transforms.files.storage import join


def run_build(options: BuildOptions) -> int:
    """Builds what was asked for, or shows the plan of it; returns the exit status."""
    began = time.monotonic()
    runner = choose_runner(options.beam_args, options.workers, options.temp_dir)
    if options.dry_run:
        plan = make_plan(options, shuffle=runner.shuffle)
        _check_waiting(plan, runner)
        show_plan(plan, runner.spills(plan.output, plan.text_bytes))
        return 0
    if options.annotations and real_path(options.annotations) == real_path(options.output):
        raise UsageError(
            f"--annotations {options.annotations} is the folder of --output, which holds a build "
            "or annotations, not both; name another --output"
        )
    with Locks("build") as locks:
        # Before anything is looked at that decides what is done.
        locks.add(options.output)
        plan = owned(make_plan(options, shuffle=runner.shuffle))
        _check_waiting(plan, runner)
        finished = build_plan(plan, options, runner, locks)
    if finished:
        show_summary(plan, time.monotonic() - began)
    return 0


def _check_waiting(plan: BuildPlan, runner: Runner) -> None:
    """Refuses a runner that does not wait, where one job needs what another has finished."""
    if not runner.leaves_early:
        return
    alone = "leave out --no_wait_until_finish, --template_location and --dry_run"
    if plan.counters:
        raise UsageError(
            "pairs of words are counted when the rows are finished, so this command waits for its "
            f"jobs: {alone}"
        )
    if plan.filtering and plan.filtering.near:
        raise UsageError(
            "--near-duplicates are found before the build reads, so this command waits for its "
            f"jobs: {alone}"
        )


def build_plan(
    plan: BuildPlan,
    options: BuildOptions,
    runner: Runner,
    locks: Locks,
    doing: str = "building",
) -> bool:
    """Builds in folders that are held; returns whether everything is finished.

    Args:
      plan: What to build; its workers look whether the folder is theirs, see `waves.owned`.
      options: Of the user.
      runner: Runs the pipelines.
      locks: Hold the output folder; they get those of members.
      doing: What the progress calls it.
    """
    wanted, search = _wanted(plan, options), search_of(plan, options)
    if prepare(plan.output, wanted, locks, overwrite=options.overwrite):
        if not plan.of_stream:
            sys.stdout.write(f"{options.output} already holds this build\n")
    else:
        if plan.announcement:
            say(plan.announcement)
        if search is not None:
            find_near_duplicates(search, runner, plan.reads, plan.text_bytes)
        missing = [_missing(builder) for builder in plan.builders]

        def end() -> None:
            for counter in plan.counters:
                count_pairs(counter, runner, plan)
            finish(plan, options)

        done = run_to_end(plan, options, runner, locks, missing, end, doing)
        if not done:
            return False
    for name, member in wanted.members.items():
        end_work(join(plan.output, name), member.files)
    if search is not None:
        forget_near_duplicates(plan.output)
    end_work(plan.output, wanted.files)
    return True


def _wanted(plan: BuildPlan, options: BuildOptions) -> Wanted:
    """Returns what a build writes where."""
    own = {*REJECTED, *filter_files(plan, options)}
    common = {MANIFEST, "README.md", "report.html", "tokenizer.json", saved_name("build")}
    common |= {name for counter in plan.counters for name in (*counter.runs, *counter.files)}
    each = [
        Wanted(command="build", identity=identity, files=frozenset(common | _files_of(builder)))
        for builder, identity in zip(plan.builders, plan.identities, strict=True)
    ]
    if plan.mixture is None:
        files = each[0].files | own
        return dataclasses.replace(each[0], files=files, reads=plan.reads)
    return Wanted(
        command="build",
        identity=plan.identity,
        files=frozenset({*common, *own}),
        members=dict(zip(plan.mixture.names, each, strict=True)),
        reads=plan.reads,
    )


def _files_of(builder: ShardBuilder) -> set[str]:
    """Returns the files that builds of some recipes have alone, and the shards."""
    settings = builder.settings
    files = {f"{shard.name}.arrow" for shard in builder.plan.shards}
    files |= {COUNTS} if settings.vocabulary.counts else set()
    return files | ({ENTITIES} if ENTITY_IDS in settings.recipe.needs else set())


def _missing(builder: ShardBuilder) -> frozenset[int]:
    """Returns the numbers of the shards that are not finished."""
    return missing_of(read_entries(builder.output, builder.plan.shards))
