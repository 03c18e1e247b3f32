"""Checks a stream: its log, its index, every window as a build, and all of them together."""

import collections
from collections.abc import Iterator, Mapping, Sequence

from pipelines.folder.corpus import described_corpus
from pipelines.folder.streams import Stream, chosen_windows, read_stream
from pipelines.folder.verify_files import form_problems, rejected_problems
from pipelines.folder.verify_log import plan_problems, read_sections, section_of
from pipelines.report.verdict import Verdict
from pipelines.verify_build import failed, read_sealed_manifest, verify
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest import MANIFEST, Manifest, add_up
from schemas.manifest_parts import split_totals
from schemas.stream import INDEX, IndexedSplit, IndexedWindow, Section
from schemas.wording import counted
from transforms.build.check_shard import Problem
from transforms.build.corpus import Corpus
from transforms.build.examine import judge
from transforms.contract.oracle import Oracle

SAME = (
    "recipe",
    "tokenizer",
    "counts",
    "entities",
    "shards",
    "sentences",
    "deduplicate",
    "text_field",
    "max_document_mib",
)
"""What the manifests of all windows say alike, whatever libraries built them."""


def verify_stream(folder: str, *, replay: bool, first: int | None = None) -> Verdict:
    """Checks a stream; memory does not grow with the number of windows.

    Args:
      folder: Of the stream.
      replay: Draw the masks again.
      first: The first window whose rows are read; None for all windows. The log and the index are
        checked as a whole.

    Raises:
      UsageError: if no window is committed, or there is no such window.
    """
    try:
        stream = read_stream(folder)
    except DamagedError as error:
        return Verdict([Problem("log", str(error))])
    sections, problems = read_sections(stream)
    problems += plan_problems(stream)
    check = _Windows(stream, sections, replay=replay)
    for number in chosen_windows(stream, first, None):
        check.add(number)
    problems += check.problems
    oracles = check.judge()
    problems += [
        failed(f"all windows, {split}", oracle)
        for split, judged in oracles.items()
        for oracle in judged
        if not oracle.holds
    ]
    return Verdict(problems, check.skipped(), oracles, check.noted())


class _Windows:
    """Checks windows one after the other, and keeps what all of them add up to."""

    def __init__(self, stream: Stream, sections: Sequence[Section], *, replay: bool) -> None:
        self.problems: list[Problem] = []
        self._stream = stream
        self._sections = sections
        self._replay = replay
        self._first: tuple[int, Manifest] | None = None
        self._corpus: Corpus | None = None
        self._counts: dict[str, dict[str, int]] = {}
        self._notes: collections.Counter[str] = collections.Counter()
        self._skipped: collections.Counter[tuple[str, str]] = collections.Counter()
        self._windows = 0

    def add(self, number: int) -> None:
        """Checks a window as a build, and against the index, the log and the first window."""
        folder = self._stream.window_folder(number)
        try:
            content, manifest = read_sealed_manifest(folder)
        except (DamagedError, UsageError) as error:
            self._found(number, [Problem("windows", str(error))])
            return
        if not isinstance(manifest, Manifest):
            self._found(number, [Problem("windows", f"{folder} is no build of one recipe")])
            return
        self._windows += 1
        more = [*form_problems(content, MANIFEST), *rejected_problems(folder, manifest)]
        doing = f"verifying window {number} of {len(self._stream.windows)}"
        verdict = verify(folder, manifest, replay=self._replay, more=more, doing=doing)
        entry = self._stream.windows[number]
        self._found(number, [*verdict.problems, *_index_problems(entry, manifest)])
        self._found(number, self._section_problems(entry, manifest))
        if self._first is None:
            self._first = number, manifest
        self._found(number, _differing(self._first, manifest))
        self._notes.update(verdict.notes)
        self._skipped.update(verdict.skipped.items())
        for split, counts in verdict.counts.items():
            self._counts[split] = add_up([self._counts.get(split, {}), counts])
        if self._corpus is None and "schema" not in verdict.skipped:
            self._corpus = described_corpus(folder, manifest)

    def judge(self) -> dict[str, list[Oracle]]:
        """Judges what all windows add up to."""
        if self._corpus is None:
            return {}
        recipe, vocabulary = self._corpus.recipe, self._corpus.vocabulary
        return {split: judge(counts, recipe, vocabulary) for split, counts in self._counts.items()}

    def skipped(self) -> Mapping[str, str]:
        """Returns the checks that were made of no window, and why."""
        if not self._windows:
            return {}
        return {
            check: reason
            for (check, reason), count in self._skipped.items()
            if count == self._windows
        }

    def noted(self) -> list[str]:
        """Returns what is not wrong, each thing once, with the number of windows it is true of."""
        partly = [
            f"{counted(count, 'window')}: {check} skipped, {reason}"
            for (check, reason), count in self._skipped.items()
            if count < self._windows
        ]
        return [
            *(f"{counted(count, 'window')}: {note}" for note, count in self._notes.items()),
            *partly,
        ]

    def _found(self, number: int, problems: Sequence[Problem]) -> None:
        self.problems += [
            Problem(problem.check, f"window {number}: {problem.sentence}") for problem in problems
        ]

    def _section_problems(self, entry: IndexedWindow, manifest: Manifest) -> list[Problem]:
        section = section_of(self._sections, entry.window)
        if section is None:
            return []
        if section.section != entry.section:
            sentence = f"{INDEX} says section {entry.section}, the log says {section.section}"
            return [Problem("index", sentence)]
        stated = {name: manifest.software.get(name) for name in section.software}
        if stated != dict(section.software) or manifest.data_version != section.data_version:
            sentence = f"it was built with other libraries than section {section.section} names"
            return [Problem("windows", sentence)]
        return []


def _index_problems(entry: IndexedWindow, manifest: Manifest) -> Iterator[Problem]:
    """Yields where the index says something else of a window than its manifest."""
    if entry.checksum != manifest.checksum:
        sentence = f"its manifest is not the one that {INDEX} names: the checksum differs"
        yield Problem("index", sentence)
    if entry.documents != manifest.documents.read:
        yield Problem(
            "index",
            f"{INDEX} says {counted(entry.documents, 'document')}, the manifest "
            f"{manifest.documents.read:,}",
        )
    totals = {
        split: IndexedSplit(rows=each.rows, tokens=each.tokens)
        for split, each in split_totals(manifest.splits).items()
    }
    if dict(entry.splits) != totals:
        yield Problem("index", f"{INDEX} has other rows or tokens of it than its manifest")


def _differing(first: tuple[int, Manifest], manifest: Manifest) -> list[Problem]:
    """Returns what a window does not have in common with the first one."""
    number, other = first
    names = [name for name in SAME if getattr(manifest, name) != getattr(other, name)]
    if not names:
        return []
    verb = "differs" if len(names) == 1 else "differ"
    return [Problem("windows", f"{', '.join(names)} {verb} from window {number}'s")]
