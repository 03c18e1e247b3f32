"""Which splits of builds an export has: a format may have no files of a split without rows."""

from collections.abc import Iterator, Mapping, Sequence

from pipelines.exporting.formats import FORMATS
from pipelines.folder.output import read_manifest
from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.wording import counted

_LISTED = 3


class Splits:
    """The splits that are exported of some builds.

    Args:
      folders: The builds, by where they go in the folder of the export.
      name: Of the format.
      asked: The split that was asked for, None for all.

    Raises:
      UsageError: if none of them has rows.
    """

    def __init__(self, folders: Mapping[str, str], name: str, asked: str | None) -> None:
        self._format, self._builds = name, len(folders)
        self._empty: dict[str, list[str]] = {}
        if FORMATS[name].empty_splits:
            return
        some = False
        for place, folder in folders.items():
            manifest = read_manifest(folder)
            assert isinstance(manifest, Manifest)
            rows = {str(split): content.rows for split, content in manifest.splits.items()}
            for split in [asked] if asked is not None else [*rows]:
                # What there is no split of is told when the build is opened.
                if rows.get(split) == 0:
                    self._empty.setdefault(split, []).append(place)
                else:
                    some = True
        if not some:
            several = len(self._empty) > 1
            splits = f"split{'s' * several} {' and '.join(self._empty)}"
            raise UsageError(
                f"the {splits} {'have' if several else 'has'} no rows, and readers of {name} take "
                "no empty data; export another split with --split"
            )

    def of(self, place: str, splits: Sequence[str]) -> list[str]:
        """Returns those of the splits of a build that are exported."""
        return [split for split in splits if place not in self._empty.get(split, ())]

    def lines(self) -> Iterator[str]:
        """Yields what the user should know of the splits that are left out."""
        for split, places in self._empty.items():
            yield (
                f"the split {split} has no rows{self._where(places)}: readers of {self._format} "
                "take no empty data, so it has no files there"
            )

    def _where(self, places: Sequence[str]) -> str:
        if self._builds == 1:
            return ""
        if len(places) == self._builds:
            return f" in any of {counted(self._builds, 'build')}"
        more = len(places) - _LISTED
        listed = ", ".join(places[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")
        return f" in {listed}"
