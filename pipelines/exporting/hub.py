"""The hub of Hugging Face: a finished export becomes the files of a dataset repository.

One commit adds every file that export.json lists, and takes away what an earlier export put there
and this one has not. What somebody else put beside the rows is never touched: it would be loaded
with them, so it is refused.
"""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemas.checked_json import DamagedError
from schemas.config_file import saved_name
from schemas.errors import RunError, UsageError
from schemas.exported import EXPORT, Export
from schemas.manifest_checks import CARD
from schemas.sealed import open_sealed
from schemas.wording import counted
from transforms.files.storage import join
from transforms.files.work_folder import read_bytes

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

OPTION = "--push-to-hub"
_KIND = "dataset"
_REFUSED = {
    401: "the token is not valid; set HF_TOKEN to one that is, or run `hf auth login`",
    403: "the token may not write there; take one that may, or a repository of your own",
    404: "there is no such user, organization or repository",
}


@dataclasses.dataclass(frozen=True)
class Repository:
    """A dataset repository that may be written to.

    Attributes:
      api: Talks to the hub.
      name: USER/NAME.
    """

    api: "HfApi"
    name: str

    def upload(self, folder: str) -> str:
        """Uploads a finished export; returns where it is.

        Raises:
          UsageError: if the hub refuses it, or others' files lie beside its rows.
          RunError: if the hub cannot be reached.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        export = open_sealed(read_bytes(join(folder, EXPORT)), Export, EXPORT)
        # The saved options name a folder of this machine, which is nobody else's business.
        files = ({each.path for each in export.files} | {EXPORT}) - {saved_name("export")}
        if CARD not in files:
            raise UsageError(
                f"{folder} was exported by an earlier version, which wrote no dataset card; export "
                "it again to a new folder"
            )
        with _in_one_sentence(self.name):
            gone = self._replaced(files)
            added = [
                CommitOperationAdd(path_in_repo=path, path_or_fileobj=os.path.join(folder, path))
                for path in sorted(files)
            ]
            deleted = [CommitOperationDelete(path_in_repo=path) for path in sorted(gone)]
            self.api.create_commit(
                self.name,
                [*added, *deleted],
                commit_message=f"Shardmill export of {counted(len(files), 'file')}",
                repo_type=_KIND,
            )
        return f"{self.api.endpoint}/datasets/{self.name}"

    def _replaced(self, files: set[str]) -> set[str]:
        """Returns the files of an earlier export that are not in this one.

        Raises:
          UsageError: if files that no export put there lie in a folder of this one.
        """
        there = {*self.api.list_repo_files(self.name, repo_type=_KIND)}
        earlier = self._earlier() if EXPORT in there else set()
        folders = {path.partition("/")[0] for path in files if "/" in path}
        strangers = sorted(
            path
            for path in there - earlier - files
            if "/" in path and path.partition("/")[0] in folders
        )
        if strangers:
            raise UsageError(
                f"{OPTION} {self.name}: {counted(len(strangers), 'file')} of the repository, such "
                f"as {strangers[0]}, would be loaded with the rows, and no export put them there; "
                "delete them, or name another repository"
            )
        return (earlier & there) - files

    def _earlier(self) -> set[str]:
        """Returns the files of the export that is on the hub; none if that cannot be told."""
        # The cache of the hub would be another copy that somebody has to delete.
        with tempfile.TemporaryDirectory() as folder:
            path = self.api.hf_hub_download(self.name, EXPORT, repo_type=_KIND, cache_dir=folder)
            try:
                export = open_sealed(read_bytes(path), Export, EXPORT)
            except DamagedError:
                return set()
        return {each.path for each in export.files}


def open_repository(name: str, *, private: bool) -> Repository:
    """Returns a repository of the hub, which is made if there is none of this name.

    Args:
      name: USER/NAME, or NAME of the user whose token it is.
      private: Whether a new one is.

    Raises:
      UsageError: if there is no token, or the hub refuses it or the name.
      RunError: if the hub cannot be reached.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HFValidationError

    api = HfApi(library_name="shardmill")
    if get_token() is None:
        raise UsageError(
            f"{OPTION} {name} needs a token of the hub; set HF_TOKEN, or run `hf auth login`"
        )
    try:
        with _in_one_sentence(name):
            # Of one that is there it does not change whether it is private.
            made = api.create_repo(name, repo_type=_KIND, private=private or None, exist_ok=True)
    except HFValidationError as error:
        wrong = f"{OPTION} must be USER/NAME, as the hub names datasets, got {name[:60]!r}: {error}"
        raise UsageError(" ".join(wrong.split())) from error
    return Repository(api, made.repo_id)


@contextlib.contextmanager
def _in_one_sentence(name: str) -> Iterator[None]:
    """Says in one sentence what the hub, or the way to it, does not allow."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )

    # What it is imported from for users of any version: httpx, or httpx2.
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    try:
        yield
    except (
        HfHubHTTPError,
        httpx.TransportError,
        OfflineModeIsEnabled,
        LocalEntryNotFoundError,
    ) as error:
        # A download that is refused looks into the cache, and reports that nothing is there.
        refused = error.__cause__ if isinstance(error, LocalEntryNotFoundError) else error
        if isinstance(refused, HfHubHTTPError):
            raise _refusal(name, refused) from error
        raise RunError(
            f"{OPTION} {name}: the hub cannot be reached: {' '.join(str(error).split())}; run the "
            "same command again where it can"
        ) from error


def _refusal(name: str, error: "HfHubHTTPError") -> UsageError | RunError:
    status = error.response.status_code
    said = _REFUSED.get(status) or error.server_message or str(error).partition("\n")[0]
    sentence = f"{OPTION} {name} was refused by the hub ({status}): {said}"
    return (UsageError if status in _REFUSED else RunError)(sentence)
