"""Checks a stream: its log, its index, every window as a build, and all of them together."""

import collections
from collections.abc import Iterable, Iterator

from pipelines.folder.corpus import described_corpus
from pipelines.folder.differences import differences
from pipelines.folder.output import read_any_manifest, read_manifest
from pipelines.report.mixture_folder import member_folders
from pipelines.report.verdict import Verdict
from pipelines.stream.committed import CommittedStream, chosen_windows, read_committed
from pipelines.stream.identity import OF_STREAM, filter_versions, shared_identity
from pipelines.stream.log import indexed, section_of
from pipelines.stream.verify_keys import KeyCheck
from pipelines.stream.verify_log import checked_sections, input_problems, plan_problems
from pipelines.verify_build import failed, verify_all
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest import Manifest, MixtureManifest, add_up
from schemas.stream import INDEX, STREAM, IndexedWindow, Section, window_seed
from schemas.wording import counted
from transforms.build.check_shard import Problem
from transforms.build.corpus import Corpus
from transforms.build.examine import judge

_Build = Manifest | MixtureManifest


def verify_stream(folder: str, *, replay: bool, first: int | None = None) -> Verdict:
    """Checks a stream; memory does not grow with the number of windows.

    Args:
      folder: Of the stream.
      replay: Draw the masks again.
      first: The first window whose rows are read; None for all windows. The log, the index and the
        keys are checked as a whole.

    Raises:
      UsageError: if no window is committed, or there is no such window.
    """
    try:
        stream = read_committed(folder)
    except DamagedError as error:
        return Verdict([Problem("log", str(error))])
    sections, problems = checked_sections(folder)
    problems += plan_problems(folder, len(stream.windows))
    check = _Windows(stream, sections, replay=replay)
    for number in range(len(stream.windows)):
        check.agree(number)
    for number in chosen_windows(stream, first, None):
        check.read(number)
    problems += check.problems
    problems += check.key_problems()
    return check.verdict(problems)


class _Windows:
    """Checks windows one after the other, and keeps what all of them add up to."""

    def __init__(self, stream: CommittedStream, sections: list[Section], *, replay: bool) -> None:
        self.problems: list[Problem] = []
        self._stream = stream
        self._sections = sections
        self._replay = replay
        self._keys = KeyCheck(stream.folder)
        self._agreeing = 0
        self._deduplicated = True
        self._corpora: dict[str, Corpus] = {}
        self._counts: dict[str, dict[str, dict[str, int]]] = {}
        self._notes: collections.Counter[str] = collections.Counter()
        self._skipped: collections.Counter[tuple[str, str]] = collections.Counter()
        self._verdicts = 0

    def agree(self, number: int) -> None:
        """Checks a window's manifest against the index and the log."""
        folder = self._stream.window_folder(number)
        try:
            manifest = read_manifest(folder)
            # All members of a mixture are made of the same documents.
            first = next(iter(member_folders(folder).values()))
            documents = read_any_manifest(first).shard_entries
        except (DamagedError, UsageError) as error:
            self._found(number, [Problem("windows", str(error))])
            return
        for shard in documents:
            self._keys.add(shard.path.removesuffix(".arrow"), shard.documents)
        self._agreeing += 1
        self._deduplicated &= manifest.deduplicate
        entry = self._stream.windows[number]
        self._found(number, _index_problems(entry, manifest))
        self._found(number, self._identity_problems(entry, manifest))
        self._found(number, self._section_problems(entry, manifest))
        self._found(number, input_problems(self._stream.folder, number, manifest))

    def read(self, number: int) -> None:
        """Checks a window as the build that it is."""
        folder = self._stream.window_folder(number)
        doing = f"verifying window {number} of {len(self._stream.windows)}"
        try:
            whole, members = verify_all(folder, replay=self._replay, doing=doing)
        except (DamagedError, UsageError):
            # It was found before.
            return
        self._notes.update(whole.notes)
        self._found(number, whole.problems)
        for name, verdict in (members or {"": whole}).items():
            prefix = f"{name}: " if name else ""
            named = [Problem(each.check, prefix + each.sentence) for each in verdict.problems]
            self._found(number, named if name else [])
            self._verdicts += 1
            self._skipped.update(verdict.skipped.items())
            sums = self._counts.setdefault(name, {})
            for split, counts in verdict.counts.items():
                sums[split] = add_up([sums.get(split, {}), counts])
            if verdict.counts and name not in self._corpora:
                self._corpora[name] = _corpus(member_folders(folder)[name])

    def key_problems(self) -> Iterator[Problem]:
        """Yields what is wrong with the keys of the stream."""
        windows = len(self._stream.windows)
        whole = self._deduplicated and self._agreeing == windows
        return self._keys.problems(windows, counted_all=whole)

    def verdict(self, problems: Iterable[Problem]) -> Verdict:
        """Judges what all windows add up to; returns the whole result."""
        every = list(problems)
        oracles = {}
        for name, corpus in self._corpora.items():
            for split, counts in self._counts[name].items():
                judged = judge(counts, corpus.recipe, corpus.vocabulary)
                title = f"{name}, {split}" if name else split
                oracles[title] = judged
                every += [
                    failed(f"all windows, {title}", each) for each in judged if not each.holds
                ]
        everywhere = {
            check: reason
            for (check, reason), count in self._skipped.items()
            if count == self._verdicts
        }
        return Verdict(every, everywhere, oracles, self._noted())

    def _noted(self) -> list[str]:
        """Returns what is not wrong, each thing once, with the number of windows it is true of."""
        partly = [
            f"{check} skipped for {counted(count, 'build')} of {self._verdicts}: {reason}"
            for (check, reason), count in self._skipped.items()
            if count < self._verdicts
        ]
        noted = [f"{counted(count, 'window')}: {note}" for note, count in self._notes.items()]
        return [*noted, *partly]

    def _found(self, number: int, problems: Iterable[Problem]) -> None:
        self.problems += [
            Problem(problem.check, f"window {number}: {problem.sentence}") for problem in problems
        ]

    def _identity_problems(self, entry: IndexedWindow, manifest: _Build) -> Iterator[Problem]:
        """Yields where a window was built otherwise than the stream says."""
        stated = self._stream.record.identity
        own = shared_identity(manifest.to_json())
        wanted = {name: value for name, value in stated.items() if name not in OF_STREAM}
        if lines := list(differences(wanted, own)):
            said = lines[0].replace("there ", "the window ", 1).replace("here ", f"{STREAM} ", 1)
            more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
            yield Problem("windows", f"it is built otherwise than {STREAM} says: {said}{more}")
        seed = stated.get("seed")
        if type(seed) is not int or manifest.seed != window_seed(seed, entry.window):
            yield Problem(
                "windows",
                f"its seed {manifest.seed} is not the one that {STREAM} gives window "
                f"{entry.window}",
            )

    def _section_problems(self, entry: IndexedWindow, manifest: _Build) -> Iterator[Problem]:
        """Yields whether a window is of another section than it should be."""
        if not any(section.first <= entry.window for section in self._sections):
            return
        section = section_of(self._sections, entry.window)
        if section.section != entry.section:
            sentence = f"{INDEX} says section {entry.section}, the log says {section.section}"
            yield Problem("index", sentence)
        elif manifest.data_version != section.data_version or any(
            version != section.software.get(name, version)
            for name, version in _software(manifest).items()
        ):
            sentence = f"it was built with other libraries than section {section.section} names"
            yield Problem("windows", sentence)


def _index_problems(entry: IndexedWindow, manifest: _Build) -> Iterator[Problem]:
    """Yields where the index says something else of a window than its manifest."""
    own = indexed(entry.window, entry.section, manifest)
    if entry.checksum != own.checksum:
        sentence = f"its manifest is not the one that {INDEX} names: the checksum differs"
        yield Problem("index", sentence)
    if entry.documents != own.documents:
        sentence = f"{INDEX} says {counted(entry.documents, 'document')}, the manifest "
        yield Problem("index", f"{sentence}{own.documents:,}")
    if entry.dropped != own.dropped:
        sentence = f"{INDEX} says that filters left out {counted(entry.dropped, 'document')}, "
        yield Problem("index", f"{sentence}the manifest {own.dropped:,}")
    if entry.splits != own.splits:
        yield Problem("index", f"{INDEX} has other rows or tokens of it than its manifest")


def _software(manifest: _Build) -> dict[str, str]:
    """Returns the versions that a manifest states, those of segmenter and filters among them."""
    segmenter = manifest.segmenter if isinstance(manifest, Manifest) else None
    words = {segmenter.name: segmenter.version} if segmenter else {}
    return {**manifest.software, **words, **filter_versions(manifest.filters)}


def _corpus(folder: str) -> Corpus:
    return described_corpus(folder, read_any_manifest(folder))
