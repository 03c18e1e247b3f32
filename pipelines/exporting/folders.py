"""Which builds an export is made of, and which folders it may get."""

from pipelines.folder.kinds import KINDS, kind_of
from pipelines.report.mixture_folder import member_folders
from pipelines.stream.committed import chosen_windows, read_committed
from pipelines.stream.log import is_stream
from schemas.errors import UsageError
from schemas.stream import WINDOWS, number_name


def refuse_ours(output: str) -> None:
    """Refuses a folder for several exports that is itself something of ours."""
    kind = kind_of(output)
    if kind != "none":
        raise UsageError(
            f"--output {output} holds {KINDS[kind]}, and here several exports would get folders "
            "in it; name another folder"
        )


def builds_in(folder: str, first: int | None, last: int | None) -> dict[str, str]:
    """Returns the builds to export, by where they go in the folder of the export, "" for itself."""
    if is_stream(folder):
        stream = read_committed(folder)
        numbers = chosen_windows(stream, first, last)
        if not numbers:
            raise UsageError(f"{folder} has no committed window yet; there is nothing to export")
        return {
            "/".join(filter(None, [WINDOWS, number_name(number), member])): build
            for number in numbers
            for member, build in member_folders(stream.window_folder(number)).items()
        }
    for option, value in (("--from-window", first), ("--to-window", last)):
        if value is not None:
            raise UsageError(f"{option} is for streams, and {folder} holds none")
    return member_folders(folder)
