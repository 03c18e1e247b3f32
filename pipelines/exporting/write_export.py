"""Makes the folder of one export: files of rows, tokenizer, card, and what lists them all."""

import dataclasses
import sys
from collections.abc import Mapping

from pipelines.exporting.card import render_export_card
from pipelines.exporting.format import File
from pipelines.exporting.formats import FORMATS
from pipelines.folder.clearing import end_work
from pipelines.folder.locks import Locks
from pipelines.folder.prepare import Wanted, prepare
from pipelines.running.progress import track_shards
from schemas.config_file import saved_name
from schemas.errors import RunError
from schemas.exported import EXPORT, EXPORT_VERSION, Export, ExportedFile, ExportIdentity
from schemas.manifest_checks import CARD
from schemas.sealed import sealed_json
from schemas.wording import counted
from transforms.build.corpus import Corpus
from transforms.build.write_shard import HashingFile, write_hashed
from transforms.files.atomic_files import write_atomically
from transforms.files.storage import join
from transforms.files.work_folder import Note, digest_of, intact_notes, write_note, write_noted


def write_export(
    corpus: Corpus, output: str, identity: ExportIdentity, locks: Locks, saved: str
) -> None:
    """Writes the export of one build into a folder that is held, or what is missing there.

    Args:
      corpus: The build.
      output: The folder.
      identity: What is exported of it.
      locks: Hold the folder.
      saved: The options that repeat it, for --config.

    Raises:
      UsageError: if the format cannot hold the build, or the folder holds something else.
      RunError: if a file cannot be written.
    """
    files = FORMATS[identity.format].files(corpus, identity.copies, identity.splits)
    texts = {**corpus.tokenizer_files(), CARD: render_export_card(corpus, identity)}
    texts[saved_name("export")] = saved
    wanted = Wanted(
        command="export",
        identity=dataclasses.asdict(identity),
        files=frozenset({*files, *texts, EXPORT}),
    )
    owner = digest_of(wanted.identity)
    finished = prepare(output, wanted, locks, overwrite=False)
    rows = 0
    if not finished:
        try:
            done = intact_notes(output, list(files))
            notes = [
                write_noted(output, name, text.encode(), owner) for name, text in texts.items()
            ]
            for path, file in track_shards(list(files.items()), "exporting"):
                if path not in done:
                    done[path] = write_file(output, path, file, done)
                    rows += file.rows
            # In one order, whichever was written first.
            notes += [done[path] for path in files]
            listed = [ExportedFile(**dataclasses.asdict(note)) for note in notes]
            record = Export(format_version=EXPORT_VERSION, identity=identity, files=tuple(listed))
            write_atomically(join(output, EXPORT), sealed_json(record))
        except OSError as error:
            raise RunError(f"cannot write to {output}: {error}") from error
    end_work(output, wanted.files)
    total = sum(file.rows for file in files.values())
    found = "" if rows == total else f", {total - rows:,} of them already there"
    sys.stdout.write(f"{output}: {counted(total, 'row')} in {counted(len(files), 'file')}{found}\n")


def write_file(output: str, path: str, file: File, done: Mapping[str, Note]) -> Note:
    """Writes a file of the folder, after a note of what it is.

    Args:
      output: The folder.
      path: Of the file in it.
      file: Writes the content.
      done: Of the files before it.
    """

    def note(sha256: str, size: int) -> None:
        write_note(output, Note(path=path, bytes=size, sha256=sha256))

    def write(sink: HashingFile) -> None:
        file.write(sink, done)

    sha256, size = write_hashed(write, join(output, *path.split("/")), note)
    return Note(path=path, bytes=size, sha256=sha256)
