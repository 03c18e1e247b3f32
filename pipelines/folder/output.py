"""The output folder of a build or of annotations, as others read it."""

from pipelines.folder.kinds import no_manifest
from pipelines.folder.locks import refuse_while_written
from schemas.errors import UsageError
from schemas.manifest import MANIFEST, AnnotationsManifest, AnyManifest, Manifest, MixtureManifest
from schemas.manifest_file import parse_manifest
from transforms.files.storage import exists, join
from transforms.files.work_folder import read_bytes


def read_text(path: str) -> str:
    """Returns the content of a UTF-8 file."""
    return read_bytes(path).decode()


def read_manifest(folder: str) -> Manifest | MixtureManifest:
    """Returns the manifest of a finished build.

    Raises:
      UsageError: if there is none.
      ManifestError: if it is damaged.
    """
    manifest = _finished(folder, "build")
    if isinstance(manifest, AnnotationsManifest):
        raise UsageError(f"{folder} holds annotations, not examples; give the output of a build")
    return manifest


def read_annotations_manifest(folder: str) -> AnnotationsManifest:
    """Returns the manifest of finished annotations; raises what `read_manifest` does."""
    manifest = _finished(folder, "annotate")
    if not isinstance(manifest, AnnotationsManifest):
        raise UsageError(
            f"{folder} holds a build, not annotations; give the output of shardmill annotate"
        )
    return manifest


def read_any_manifest(folder: str) -> AnyManifest:
    """Returns the manifest of a finished build, or of annotations; see `read_manifest`."""
    return _finished(folder, "build")


def _finished(folder: str, command: str) -> AnyManifest:
    refuse_while_written(folder)
    path = join(folder, MANIFEST)
    if not exists(path):
        raise UsageError(no_manifest(folder, command))
    return parse_manifest(read_bytes(path))
