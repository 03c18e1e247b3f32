"""The folder of a mixture: what tells of all its members, each of which is a build of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.mixture_report import render_mixture_card, render_mixture_report
from pipelines.output import join, read_manifest
from schemas.errors import UsageError
from schemas.manifest import MANIFEST, ManifestError, checksum, member_names, seal
from transforms.atomic_files import write_atomically
from transforms.objectives.mixture import Mixture
from transforms.work_folder import Note, files_of, write_noted


def write_mixture(
    folder: str,
    tokenizer_json: str,
    mixture: Mixture,
    head: Mapping[str, Any],
    manifests: Sequence[Mapping[str, Any]],
    rejected: Sequence[Note],
) -> None:
    """Writes tokenizer, report and dataset card, and last the manifest.

    Args:
      folder: Of the mixture.
      tokenizer_json: That all members have.
      mixture: What was built.
      head: What the manifest says besides its members' contents.
      manifests: Of the members, which are written.
      rejected: The files of records that were set aside.
    """
    contents = dict(zip(mixture.names, manifests, strict=True))
    members = {name: {**head["members"][name], **_told(contents[name])} for name in contents}
    manifest = {**head, "members": members}
    notes = [
        write_noted(folder, name, content.encode())
        for name, content in (
            ("tokenizer.json", tokenizer_json),
            ("report.html", render_mixture_report(manifest, mixture)),
            ("README.md", render_mixture_card(manifest, mixture)),
        )
    ]
    whole = {**manifest, "files": files_of([*rejected, *notes])}
    write_atomically(join(folder, MANIFEST), seal(whole).encode())


def _told(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the manifest of a mixture says of a member's."""
    splits = {
        split: {name: content[name] for name in ("rows", "tokens")}
        for split, content in manifest["splits"].items()
    }
    return {"splits": splits, "checksum": checksum(manifest)}


def member_folders(folder: str) -> dict[str, str]:
    """Returns the folders of a mixture's members by name; of another build its own, named "".

    Raises:
      UsageError: if there is no finished build, or its manifest is damaged.
    """
    try:
        names = member_names(read_manifest(folder))
    except ManifestError as error:
        raise UsageError(f"{folder}: {error}") from error
    return {name: join(folder, name) for name in names} or {"": folder}


def member_problem(told: Mapping[str, Any], manifest: Mapping[str, Any]) -> str | None:
    """Says what is wrong with a member's manifest; nothing if it is the one of its mixture.

    Args:
      told: What the mixture's manifest says of the member.
      manifest: Of the member.
    """
    own = _told(manifest)
    if own["checksum"] != told["checksum"]:
        return "its manifest is another than when the mixture was built"
    if own["splits"] != told["splits"]:
        return f"it has {own['splits']}, the mixture's manifest says {told['splits']}"
    return None
