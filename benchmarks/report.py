"""Formats measurements as Markdown: medians, and medians of the ratios within each repeat."""

import dataclasses
import importlib.metadata
import itertools
import os
import platform
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.floors import ENCODE
from benchmarks.processes import Usage
from schemas.version import VERSION

PACKAGES = (
    *("apache-beam", "numpy", "pyarrow", "tokenizers", "jieba", "rjieba"),
    *("datasets", "transformers", "torch"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A configuration of a build.

    Attributes:
      recipe: Its name.
      size_mb: Of the text, in MB (10^6 bytes).
      copies: None for as many as the recipe has.
      workers: Processes.
      files: That the text is in.
      revision: The commit that builds; "" for what is here.
    """

    recipe: str
    size_mb: float
    copies: int | None
    workers: int
    files: int = 1
    revision: str = ""

    def __str__(self) -> str:
        copies = "" if self.copies is None else f"{self.copies} copies, "
        copies += f"{self.files} files, " if self.files > 1 else ""
        where = f" at {self.revision}" if self.revision else ""
        return f"{self.recipe}{where}, {self.size_mb:g} MB, {copies}{self.workers} worker(s)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Peers:
    """Measurements of the usual alternative.

    Attributes:
      rates: {"MB/s": of text, "Mtok/s": of tokens} by step.
      peak_bytes: Peak resident memory of the process.
    """

    rates: Mapping[str, Mapping[str, float]]
    peak_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """All measurements; every list has one item per repeat.

    Attributes:
      cases: Resources of each build.
      floors: MB of text per second by step.
      peers: Empty if they were not requested.
    """

    cases: Mapping[Case, Sequence[Usage]]
    floors: Sequence[Mapping[str, float]]
    peers: Sequence[Peers]

    def speeds(self, case: Case) -> list[float]:
        """Returns MB of text per second, for each repeat."""
        return [case.size_mb / usage.wall for usage in self.cases[case]]


def report(title: str, accept: str, measured: Measured) -> str:
    """Returns a section of Markdown."""
    parts = [[f"### {title}"], list(_builds(measured)), list(_beside(measured))]
    parts.append(list(_compared(measured)))
    if accept:
        parts[-1].append(f"* Aim: {accept}.")
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _builds(measured: Measured) -> Iterator[str]:
    names = ["recipe", "MB of text", "copies", "workers", "wall s", "CPU s", "MB/s"]
    names += ["x `encode_batch_fast`", "peak RSS MB, launcher", "peak RSS MB, workers"]
    yield row(*names, "x baseline")
    yield row("---", *["---:"] * 10)
    for case, usages in measured.cases.items():
        floors = [floor[ENCODE] for floor in measured.floors]
        workers = itertools.zip_longest(*(usage.worker_bytes for usage in usages), fillvalue=0)
        baselines = [
            _ratio(measured.speeds(case), measured.speeds(other))
            for other in measured.cases
            if other.revision and other == dataclasses.replace(case, revision=other.revision)
        ]
        yield row(
            f"{case.recipe} at {case.revision}" if case.revision else case.recipe,
            f"{case.size_mb:g}",
            "its own" if case.copies is None else case.copies,
            case.workers,
            f"{_median(usage.wall for usage in usages):.1f}",
            f"{_median(usage.cpu for usage in usages):.1f}",
            f"{_median(measured.speeds(case)):.2f}",
            f"{_ratio(measured.speeds(case), floors):.2f}",
            f"{_median(usage.launcher_bytes for usage in usages) / 1e6:.0f}",
            ", ".join(f"{_median(peaks) / 1e6:.0f}" for peaks in workers) or "-",
            "".join(f"{each:.2f}" for each in baselines),
        )


def _beside(measured: Measured) -> Iterator[str]:
    """Yields the table of floors and peers, against the first case."""
    first = next(iter(measured.cases))
    speeds = measured.speeds(first)
    yield row("the same text, one core", "MB/s", "Mtok/s", "peak RSS MB", f"ours ({first}) / it")
    yield row("---", *["---:"] * 4)
    for step in measured.floors[0]:
        rates = [floor[step] for floor in measured.floors]
        yield row(step, figure(_median(rates)), "", "", figure(_ratio(speeds, rates)))
    for step in measured.peers[0].rates if measured.peers else ():
        rates = [peer.rates[step]["MB/s"] for peer in measured.peers]
        tokens = _median(peer.rates[step]["Mtok/s"] for peer in measured.peers)
        peak = f"{_median(peer.peak_bytes for peer in measured.peers) / 1e6:.0f}"
        yield row(
            step, figure(_median(rates)), f"{tokens:.2f}", peak, figure(_ratio(speeds, rates))
        )


def _compared(measured: Measured) -> Iterator[str]:
    """Yields comparisons of cases that differ in one option only."""
    for one, other in itertools.permutations(measured.cases, 2):
        if one.copies is None or other.copies is None:
            continue
        before, after = measured.cases[one], measured.cases[other]
        slower = _ratio([usage.wall for usage in after], [usage.wall for usage in before])
        if other == dataclasses.replace(one, copies=other.copies) and other.copies > one.copies:
            share = (slower - 1) / (other.copies - one.copies)
            comparison = f"each further copy takes {share:.1%} of the time of the first build"
            yield f"* {one} -> {other}: {comparison}"
        if other == dataclasses.replace(one, workers=other.workers) and other.workers > one.workers:
            yield f"* {one} -> {other}: {1 / slower:.2f}x as fast"
        if other == dataclasses.replace(one, files=other.files) and other.files > one.files:
            yield f"* {one} -> {other}: {slower:.2f} times as long"
        if other == dataclasses.replace(one, size_mb=other.size_mb) and other.size_mb > one.size_mb:
            each = slower * one.size_mb / other.size_mb
            peaks = _ratio([use.peak_bytes for use in after], [use.peak_bytes for use in before])
            comparison = (
                f"time for each MB x {each:.2f}, peak RSS of the largest process x {peaks:.2f}"
            )
            yield f"* {one} -> {other}: {comparison}"


def describe_machine(
    cores: Sequence[int], packages: Sequence[str] = PACKAGES, where: str | None = None
) -> str:
    """Returns one line about the machine and one about the versions.

    Args:
      cores: The cores that were used.
      packages: Packages whose versions matter.
      where: What ran on which cores; by default that single-core programs ran on the first one.
    """
    cpus = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    models = {line.partition(":")[2].strip() for line in cpus if line.startswith("model name")}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{', '.join(sorted(models)) or platform.machine()}, {os.cpu_count()} core(s)"
    where = where or f"what runs on one core ran on core {cores[0]}"
    versions = [f"{name} {found}" for name in packages if (found := _version(name))]
    return (
        f"Machine: {machine}, {memory:.0f} GiB; {where}.\n"
        f"Versions: shardmill {VERSION}, Python {platform.python_version()}, "
        f"{', '.join(versions)}.\n"
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def row(*cells: object) -> str:
    """Returns a row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def figure(rate: float) -> str:
    """Formats a number with three significant digits, or all digits before the decimal point."""
    return f"{rate:.3g}" if rate < 1000 else f"{rate:.0f}"


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _ratio(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """Returns the median of the ratios within each repeat."""
    return _median(one / other for one, other in zip(ours, theirs, strict=True))
