"""The folder of a mixture: the manifest, report and card of all members, each a build itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.folder.output import read_manifest
from pipelines.report.mixture_page import render_mixture_card, render_mixture_report
from schemas.checked_json import DamagedError
from schemas.manifest import MANIFEST, Manifest, MemberRecord, MixtureManifest
from schemas.manifest_checks import CARD, REPORT, TOKENIZER
from schemas.manifest_file import manifest_text, sealed
from schemas.manifest_parts import json_of, split_totals
from transforms.build.corpus import checked_members
from transforms.files.atomic_files import write_atomically
from transforms.files.storage import join
from transforms.files.work_folder import Note, files_of, write_noted
from transforms.objectives.mixture import Mixture


def write_mixture(
    folder: str,
    tokenizer_json: str,
    mixture: Mixture,
    head: Mapping[str, Any],
    manifests: Sequence[Manifest],
    beside: Sequence[Note],
) -> None:
    """Writes tokenizer, report and dataset card, and last the manifest.

    Args:
      folder: Of the mixture.
      tokenizer_json: That all members have.
      mixture: What was built.
      head: What the manifest says besides its members' contents and its files, as JSON values.
      manifests: Of the members, which are written.
      beside: Other files in the folder: those of rejected records, and the options.
    """
    contents = dict(zip(mixture.names, manifests, strict=True))
    members = {name: {**head["members"][name], **_totals(contents[name])} for name in contents}
    notes = [f"{name}: {note}" for name, own in contents.items() for note in own.notes]
    said = {**head, "members": members, "notes": notes}
    manifest = sealed({**said, "files": {}}, MixtureManifest)
    texts = {
        TOKENIZER: tokenizer_json,
        REPORT: render_mixture_report(manifest, mixture),
        CARD: render_mixture_card(manifest, mixture),
    }
    written = [write_noted(folder, name, text.encode()) for name, text in texts.items()]
    files = files_of([*beside, *written])
    whole = sealed({**said, "files": files}, MixtureManifest)
    write_atomically(join(folder, MANIFEST), manifest_text(whole).encode())


def _totals(manifest: Manifest) -> dict[str, Any]:
    """Returns what the manifest of a mixture says of a member's."""
    splits = {split: json_of(each) for split, each in split_totals(manifest.splits).items()}
    return {"splits": splits, "checksum": manifest.checksum}


def member_folders(folder: str) -> dict[str, str]:
    """Returns the folders of a mixture's members by name; of another build its own, named "".

    Raises:
      UsageError: if there is no finished build.
      DamagedError: if its manifest is damaged.
    """
    try:
        names = checked_members(read_manifest(folder))
    except DamagedError as error:
        raise DamagedError(f"{folder}: {error}") from error
    return {name: join(folder, name) for name in names} or {"": folder}


_SHARED = (
    "data_version",
    "max_document_mib",
    "text_field",
    "document_separator",
    "inputs",
    "seed",
    "tokenizer",
    "sentences",
    "deduplicate",
    "shards",
    "documents",
)
_OWN = ("recipe", "counts", "segmenter", "annotator", "entities")


def member_problem(whole: MixtureManifest, record: MemberRecord, manifest: Manifest) -> str | None:
    """Says what is wrong with a member's manifest; nothing if it is the one of its mixture.

    Args:
      whole: The mixture's manifest.
      record: What it says of the member.
      manifest: Of the member.
    """
    if manifest.checksum != record.checksum:
        return "its manifest has changed since the mixture was built"
    own = split_totals(manifest.splits)
    if own != record.splits:
        stated = {split: json_of(each) for split, each in record.splits.items()}
        found = {split: json_of(each) for split, each in own.items()}
        return f"it has {found}, the mixture's manifest says {stated}"
    differ = [name for name in _SHARED if getattr(manifest, name) != getattr(whole, name)]
    differ += [name for name in _OWN if getattr(manifest, name) != getattr(record, name)]
    return f"{differ[0]} differs from the mixture's manifest" if differ else None
