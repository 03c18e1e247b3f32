"""Which of our commands made a folder, as the names of its files tell."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from schemas.exported import EXPORT
from schemas.manifest import MANIFEST
from schemas.stream import INDEX, STREAM, WINDOWS, number_name
from transforms.files.storage import exists, join
from transforms.files.work_folder import RECORD, work_path

Kind: TypeAlias = Literal["finished", "export", "stream", "begun stream", "unfinished", "none"]
"""finished: a build, a mixture or annotations, as its manifest says; unfinished: one of these, or
an export; begun stream: one without a committed window."""

KINDS: Mapping[Kind, str] = {
    "finished": "a build",
    "export": "an export",
    "stream": "a stream",
    "begun stream": "a stream",
    "unfinished": "an unfinished build or export",
    "none": "nothing of ours",
}
"""What messages call them."""


def kind_of(folder: str) -> Kind:
    """Returns what a folder holds; nothing is read."""
    if exists(join(folder, MANIFEST)):
        return "finished"
    if exists(join(folder, EXPORT)):
        return "export"
    if exists(join(folder, STREAM)):
        return "stream" if exists(join(folder, INDEX)) else "begun stream"
    return "unfinished" if exists(work_path(folder, RECORD)) else "none"


def no_manifest(folder: str, command: str) -> str:
    """Says what a folder without a manifest holds, and what to give in its place.

    Args:
      folder: The folder.
      command: "build" or "annotate": what makes the folder that was wanted.
    """
    kind = kind_of(folder)
    wanted = "annotations" if command == "annotate" else "a build"
    if kind == "unfinished":
        return f"{folder} holds an unfinished build; run its {command} command again to finish it"
    if kind == "export":
        return (
            f"{folder} holds an export, not {wanted}; give the output of `shardmill {command}`, "
            "or check the export with `shardmill verify`"
        )
    if kind in {"stream", "begun stream"} and command == "annotate":
        return f"{folder} holds a stream, not annotations; give the output of `shardmill annotate`"
    if kind in {"stream", "begun stream"}:
        window = join(folder, WINDOWS, number_name(0))
        return f"{folder} holds a stream, not a build; give one of its windows, such as {window}"
    return f"{folder} holds no {MANIFEST}; is it the output of `shardmill {command}`?"
