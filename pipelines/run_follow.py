"""Follows files: plans windows, builds and commits them, and waits for the next."""

import gc
import sys
import time

from pipelines.folder.foreign import listed
from pipelines.folder.places import place_of
from pipelines.follow_window import (
    commit_window,
    is_committed,
    plan_window,
    release_window,
)
from pipelines.planning.follow_arguments import FollowOptions
from pipelines.running.runners import choose_runner
from pipelines.running.work import Runner
from pipelines.stream.identity import check_section, open_record, own_section
from pipelines.stream.log import (
    check_plans,
    is_planned,
    is_stream,
    put_plan,
    read_given_up,
    read_index,
    read_plan,
    read_sections,
    section_of,
)
from pipelines.stream.status import Status, committed_line
from pipelines.stream.watch import Look, Watch
from schemas.addresses import without_secrets
from schemas.config_file import saved_name
from schemas.errors import UsageError
from schemas.lock import HeldError
from schemas.stream import INDEX, STREAM, Section, WindowPlan
from schemas.terminal import say
from schemas.wording import counted
from transforms.files.atomic_files import named_by_temporary, write_atomically
from transforms.files.paths import status as status_of
from transforms.files.storage import FoundFile, exists, join
from transforms.files.work_folder import read_bytes
from transforms.stream.fresh_shards import waiting_documents

_HELD_SECONDS = 1.0


def run_follow(options: FollowOptions) -> int:
    """Follows files until it is stopped, or once; returns the exit status."""
    runner = choose_runner(options.beam_args, options.workers, options.temp_dir)
    if runner.leaves_early:
        raise UsageError(
            f"a stream waits for the shards of each window, and {options.output} would not get "
            f"them: {runner.leaves_early}"
        )
    follower = Follower(options, runner)
    if options.dry_run:
        follower.show()
        return 0
    follower.open()
    # What is there now stays: a look at many files need not go through all of it.
    gc.freeze()
    with Status() as status:
        while follower.step(status):
            pass
    sys.stdout.write(f"{options.output}: {counted(follower.committed, 'window')} committed\n")
    return 0


def _refuse_foreign(stream: str) -> None:
    """Refuses a folder that holds anything but the beginning of a stream."""
    names = place_of(stream).names()
    others = [name for name in names if named_by_temporary(name) != STREAM]
    # Another driver may have begun it just now.
    if others and not is_stream(stream):
        raise UsageError(
            f"{stream} is not empty and holds no stream ({listed(others)}); name a new or empty "
            "folder"
        )


def _save_options(stream: str, content: bytes) -> None:
    """Writes the options into the folder, for --config; those of the last driver stay."""
    path = join(stream, saved_name("follow"))
    if not exists(path) or read_bytes(path) != content:
        write_atomically(path, content)


def _left_for_later(files: int, settle: float) -> str:
    return (
        f"{counted(files, 'file was', 'files were')} written to less than {settle:g} s ago, and "
        "left for the next time; --settle says how long a file is left alone"
    )


class Follower:
    """A driver of a stream. All that it knows is in the folder; another may work beside it.

    Attributes:
      committed: Windows in the index.
    """

    def __init__(self, options: FollowOptions, runner: Runner) -> None:
        self._options, self._runner = options, runner
        self._watch = Watch(options)
        # Without files: what all windows share is known, and every option is checked.
        self._empty = plan_window(options, runner, 0, [])
        self._sections: list[Section] = []
        self._planned = 0
        self._released = 0
        self._waiting_since: float | None = None
        self._index: FoundFile | None = None
        self.committed = 0

    def open(self) -> None:
        """Opens the folder: a new stream, or one of the same options.

        Raises:
          UsageError: if it holds something else.
        """
        stream = self._options.output
        if not is_stream(stream):
            _refuse_foreign(stream)
        open_record(self._empty, self._options)
        _save_options(stream, self._options.saved.encode())
        check_plans(stream)
        self._read_log()
        # What was finished and not yet listed belongs to the section that finished it.
        first = self.committed + is_committed(stream, self.committed)
        self._sections, message = own_section(stream, self._empty, first)
        if message:
            say(message)

    def step(self, status: Status) -> bool:
        """Builds a window, plans one, or waits; returns whether there is more to do."""
        self._read_log()
        if self._released < self.committed and release_window(self._options, self.committed - 1):
            self._released = self.committed
        if self.committed < self._planned:
            self._commit(status)
            return True
        look = self._watch.look()
        if self._is_enough(look):
            self._plan(look)
            return True
        if self._options.once:
            if look.unsettled:
                say(_left_for_later(look.unsettled, self._options.settle))
            return False
        status.wait_for(self._waiting_for(look), self._options.every)
        time.sleep(self._options.every)
        return True

    def show(self) -> None:
        """Prints what the stream has, and what its next window would be."""
        stream = self._options.output
        if is_stream(stream):
            self._read_log()
        look = self._watch.look()
        waiting = self._waiting_after(self.committed - 1)
        wait = counted(waiting, "document waits", "documents wait")
        lines = [
            f"stream   {stream}: {counted(self.committed, 'window')} committed, "
            f"{self._planned - self.committed} planned and not built"
            + (f"; {wait} for more" if waiting else ""),
            f"watched  {counted(look.files, 'file')}, {counted(len(look.new), 'file')} new "
            f"({look.bytes / 1e6:,.1f} MB)",
            *(self._empty.filtering.lines() if self._empty.filtering else []),
        ]
        if look.new:
            files = self._watch.next_files(look.new)
            size = sum(file.size for file in files) / 1e6
            lines.append(f"next     {counted(len(files), 'file')}, {size:,.1f} MB")
        sys.stdout.write("\n".join(lines) + "\n")

    def _read_log(self) -> None:
        """Reads what this driver or another one has added to the log."""
        stream = self._options.output
        index = status_of(join(stream, INDEX))
        if index != self._index:
            self.committed, self._index = len(read_index(stream).windows), index
        while is_planned(stream, self._planned):
            self._watch.note(read_plan(stream, self._planned).files)
            if self._planned < self.committed:
                self._forget_given_up(self._planned)
            self._planned += 1

    def _forget_given_up(self, window: int) -> None:
        """Makes files that a committed window was built without new again, however they are."""
        stream = self._options.output
        if given_up := read_given_up(stream, window):
            files = read_plan(stream, window).files
            self._watch.forget(file for file in files if file.path in given_up)

    def _commit(self, status: Status) -> None:
        stream, window = self._options.output, self.committed
        self._sections = read_sections(stream)
        check_section(stream, self._empty, self._sections)
        section = section_of(self._sections, window).section
        began = time.monotonic()
        try:
            entry = commit_window(self._options, self._runner, self._watch, window, section)
        except HeldError as error:
            status.wait_for(f"window {window}: {error}", _HELD_SECONDS)
            time.sleep(_HELD_SECONDS)
            return
        self._forget_given_up(window)
        status.say(committed_line(entry, time.monotonic() - began, self._waiting_after(window)))

    def _waiting_after(self, window: int) -> int:
        """Returns how many documents wait after a window; none before the first."""
        names = [shard.name for shard in self._empty.shards.shards]
        return waiting_documents(self._options.output, window, names)

    def _is_enough(self, look: Look) -> bool:
        """Returns whether there is enough for a window."""
        options = self._options
        if not look.new:
            self._waiting_since = None
            return False
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        waited = options.max_wait is not None and now - self._waiting_since >= options.max_wait
        return options.once or waited or look.bytes >= options.min_mib << 20

    def _plan(self, look: Look) -> None:
        files = self._watch.next_files(look.new)
        put_plan(self._options.output, WindowPlan(window=self._planned, files=tuple(files)))
        self._waiting_since = None

    def _waiting_for(self, look: Look) -> str:
        """Says what is waited for."""
        window = f"window {self._planned}"
        if look.new:
            return (
                f"{window}: {look.bytes / (1 << 20):,.1f} of {self._options.min_mib} MiB are there "
                f"({counted(len(look.new), 'new file')})"
            )
        if look.unsettled:
            return f"{window}: {counted(look.unsettled, 'file is', 'files are')} still written to"
        watched = without_secrets(", ".join(self._options.input))
        return f"{window}: no new file in {watched} ({counted(look.files, 'file')})"
