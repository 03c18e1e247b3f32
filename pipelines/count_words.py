"""Counts the words of a text, for `shardmill vocab --model words`."""

import dataclasses
import gc
import sys
import time
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filtered_vocabulary import filtered_reader
from pipelines.planning.build_settings import read_user_dict
from pipelines.planning.filters import Filtering, filtering_of
from pipelines.planning.memory import wave_shards
from pipelines.planning.options import WordOptions
from pipelines.planning.text_files import find_text, ranges_of
from pipelines.planning.vocab_arguments import check_field
from pipelines.report.dropped import all_dropped, vocabulary_lines
from pipelines.running.count_folder import count_folder
from pipelines.running.progress import ShardProgress
from pipelines.running.runners import choose_runner
from pipelines.running.work import CountWork, Runner
from pipelines.vocab_output import WORD_LIST, held_output, write_output
from schemas.arrow_columns import numpy_of
from schemas.errors import RunError, UsageError
from schemas.manifest import add_up
from schemas.software import software_versions
from schemas.word_list import WordList
from schemas.wording import counted
from transforms.build.count_shards import ShardCount, WordCounter
from transforms.files.inputs import InputFile
from transforms.files.paths import real_path
from transforms.files.work_folder import error_path, read_reading
from transforms.read.input_files import check_unchanged
from transforms.read.read_documents import RangeReader
from transforms.records.shard_text import ShardPlan, plan_shards
from transforms.text.words import Segmenter
from transforms.tokens.word_counts import WORD_COUNTS

_MOST_PARTITIONS = 256
# So that workers end at about the same time.
_FOR_EACH_WORKER = 4
_LEAST_SHARD_BYTES = 4 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is counted, and how.

    Attributes:
      files: The input files.
      text_bytes: Estimated size of their text.
      shards: How the documents are dealt out.
      segmenter: Finds Chinese words.
      filtering: What the documents go through, None if they are all counted.
    """

    files: Sequence[InputFile]
    text_bytes: int
    shards: ShardPlan
    segmenter: Segmenter
    filtering: Filtering | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Found:
    """What was counted.

    Attributes:
      text: What all shards hold.
      kept: The words of the list, as `WORD_COUNTS`.
      distinct: How many words there are.
      frequent: How many are frequent enough for the list.
      reading: Counts of reading; "rejected.REASON" are rejected records.
      near: Clusters of near-duplicates, see `filtered_vocabulary.filtered_reader`.
    """

    text: ShardCount
    kept: pa.Table
    distinct: int
    frequent: int
    reading: dict[str, int]
    near: Mapping[str, int]


def count_words(options: WordOptions) -> int:
    """Counts words and writes the list of them; returns the exit status."""
    began = time.monotonic()
    runner = choose_runner(options.beam_args, options.workers, options.temp_dir)
    if runner.leaves_early:
        raise UsageError(
            "the list is written when the words are counted, so this command waits for its job: "
            "leave out --no_wait_until_finish, --template_location and --dry_run"
        )
    plan = _plan(options)
    if real_path(options.output) in {real_path(file.path) for file in plan.files}:
        raise UsageError(
            f"--output {options.output} is one of the files of --input, which are read; name "
            "another file"
        )
    with held_output(options.output, WORD_LIST, overwrite=options.overwrite):
        with count_folder(options.output) as folder:
            found = _count(plan, options, runner, folder)
        check_unchanged(plan.files)
        words = WordList(
            words=found.kept["word"].cast(pa.large_string()).to_pylist(),
            counts=numpy_of(found.kept["count"].combine_chunks()),
            lines=found.text.lines,
        )
        write_output(options.output, words.text)
    _report(found, options, time.monotonic() - began)
    return 0


def _plan(options: WordOptions) -> _Plan:
    try:
        check_field(options.text_field)
        segmenter = Segmenter(options.segmenter, read_user_dict(options.user_dict))
        files, text_bytes = find_text(options)
        filtering = filtering_of(options.filters)
    except ValueError as error:
        raise UsageError(str(error)) from error
    # The list does not depend on their number.
    busy = min(_FOR_EACH_WORKER * options.workers, text_bytes // _LEAST_SHARD_BYTES)
    auto = plan_shards(text_bytes, None, 0.0)
    shards = dataclasses.replace(auto, train=max(auto.train, busy))
    return _Plan(
        files=files,
        text_bytes=text_bytes,
        shards=shards,
        segmenter=segmenter,
        filtering=filtering,
    )


def _count(plan: _Plan, options: WordOptions, runner: Runner, folder: str) -> _Found:
    """Counts the words of all shards, as many shards at a time as memory allows."""
    at_once = wave_shards(
        options, plan.shards, plan.text_bytes, runner.shuffle, advice="fewer --workers"
    )
    work, total = _work(plan, options, folder), plan.shards.train
    near: Mapping[str, int] = {}
    if plan.filtering is not None:
        reader, near = filtered_reader(
            plan.filtering, work.reader, work.ranges, plan.text_bytes, runner, folder
        )
        work = dataclasses.replace(work, reader=reader)
    read: list[float | None] = [None]
    progress = ShardProgress(
        total, plan.text_bytes / total, work.counter.counted, "counting", read=lambda: read[-1]
    )
    # Workers first: they may be forked, and progress is shown by a thread.
    with runner.started([*(file.path for file in plan.files), folder]) as run, progress:
        for wave, first in enumerate(range(0, total, at_once)):
            work = dataclasses.replace(
                work,
                counter=dataclasses.replace(work.counter, wave=wave),
                counting=frozenset(range(first, min(first + at_once, total))),
                record=not wave,
                reading=read.append,
            )
            run.count(work, error_path(folder))
            # A shuffle in memory hangs in reference cycles, and the next wave needs the room.
            gc.collect()
    return dataclasses.replace(_found(plan, options, work.counter), near=near)


def _work(plan: _Plan, options: WordOptions, folder: str) -> CountWork:
    """Returns the work of a wave that counts no shard yet."""
    counter = WordCounter(
        segmenter=plan.segmenter,
        shards=plan.shards.train,
        partitions=min(plan.shards.train, _MOST_PARTITIONS),
        output=folder,
        software=software_versions(plan.segmenter.resolved),
    )
    return CountWork(
        ranges=ranges_of(plan.files, plan.text_bytes, options),
        reader=RangeReader(text_field=options.text_field, labels=False),
        text_bytes=plan.text_bytes,
        shards=plan.shards,
        output=folder,
        owner="",
        record=True,
        counter=counter,
        counting=frozenset(),
    )


def _found(plan: _Plan, options: WordOptions, counter: WordCounter) -> _Found:
    """Adds up what was counted.

    Raises:
      UsageError: if there is no document, or no word is frequent enough.
      RunError: if something is missing.
    """
    reading = read_reading(counter.output)
    shards = [counter.read_count(number) for number in range(counter.shards)]
    whole = [vars(shard) for shard in shards if shard is not None]
    if reading is None or len(whole) < len(shards):
        raise RunError("not all of the text was counted; run the same command again")
    text = ShardCount(**add_up(whole))
    if not text.documents:
        raise UsageError(
            all_dropped(reading)
            or f"{', '.join(options.input)}: no document in {counted(len(plan.files), 'file')}"
        )
    frequent, distinct = _frequent(options, counter, text.words)
    ordered = frequent.sort_by([("count", "descending"), ("word", "ascending")])
    return _Found(
        text=text,
        kept=ordered.slice(0, options.size),
        distinct=distinct,
        frequent=len(ordered),
        reading=reading,
        near={},
    )


def _frequent(options: WordOptions, counter: WordCounter, all_words: int) -> tuple[pa.Table, int]:
    """Returns the words that are frequent enough, in no order, and how many words there are.

    Raises:
      UsageError: if no word is frequent enough.
      RunError: if the partitions have not all of the words of the text, `all_words`.
    """
    kept, distinct, words, most = [WORD_COUNTS.empty_table()], 0, 0, 0
    for partition in range(counter.partitions):
        table = counter.read(partition).table()
        counts = numpy_of(table["count"].combine_chunks())
        distinct, words = distinct + len(counts), words + int(counts.sum())
        most = max(most, int(counts.max(initial=0)))
        kept.append(table.filter(pc.field("count") >= options.min_count))
    if words != all_words:
        raise RunError(
            f"the shards have {all_words:,} words, but the partitions {words:,}: counts were "
            "lost; run the same command again"
        )
    if most < options.min_count:
        raise UsageError(
            f"no word occurs {options.min_count:,} times, the most frequent one "
            f"{counted(most, 'time')}: give less than --min-count {options.min_count}"
        )
    return pa.concat_tables(kept), distinct


def _report(found: _Found, options: WordOptions, seconds: float) -> None:
    """Prints what was counted, and how much of it the list covers."""
    text, covered = found.text, int(numpy_of(found.kept["count"].combine_chunks()).sum())
    cut = found.frequent > len(found.kept)
    those = f"the most frequent of {found.frequent:,}" if cut else "those"
    lines = [
        f"{options.output}: {counted(len(found.kept), 'word')} of {found.distinct:,} distinct "
        f"ones, {those} that occur at least {counted(options.min_count, 'time')}",
        f"they cover {covered / text.words:.2%} of the {counted(text.words, 'word')} in "
        f"{counted(text.lines, 'line')}",
        f"counted in {counted(text.documents, 'document')}, {text.bytes / 1e6:,.1f} MB; "
        f"{counted(text.duplicates, 'duplicate')} left out; done in {seconds:.1f} s",
    ]
    reading = found.reading
    lines += vocabulary_lines(reading, found.near)
    rejected = {name: n for name, n in reading.items() if name.startswith("rejected.")}
    if rejected:
        reasons = ", ".join(f"{name.partition('.')[2]} {n}" for name, n in rejected.items())
        total = counted(sum(rejected.values()), "record was", "records were")
        lines.append(f"{total} rejected: {reasons}")
    sys.stdout.write("\n".join(lines) + "\n")
