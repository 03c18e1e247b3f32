"""Tokenizers on the Hugging Face hub, by name."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import UsageError

FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "*.model", "*.tiktoken"),
)
"""What is downloaded: no weights."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?(@[\w./-]+)?", re.ASCII)
_OF_FILES = (".json", ".txt", ".model", ".tiktoken", ".bin", ".gz", ".zst", ".vocab")


def is_hub_name(name: str) -> bool:
    """Returns whether a name may be one of the hub: `NAME`, `OWNER/NAME`, with `@REVISION` or not.

    A name that ends as those of files do is taken for a file.
    """
    plain = not name.partition("@")[0].lower().endswith(_OF_FILES)
    return plain and _NAME.fullmatch(name) is not None


@functools.lru_cache(maxsize=4)
def download(name: str, files: Sequence[str] = FILES) -> Path:
    """Returns the local folder that holds the files of a tokenizer; it is named by the commit.

    What was downloaded before is taken from the cache of huggingface_hub, also without a network.

    Raises:
      UsageError: if the hub cannot be reached and they are not in the cache, or has no such name.
    """
    from huggingface_hub import errors, snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    repository, _, revision = name.partition("@")
    try:
        return Path(
            snapshot_download(repository, revision=revision or None, allow_patterns=list(files))
        )
    except errors.GatedRepoError as error:
        reason = "its owner grants access by hand; ask for it there and log in with `hf auth login`"
        raise _refused(name, reason) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        reason = "and the Hugging Face hub has none of this name, or it is private"
        raise _refused(name, f"there is no such file or folder, {reason}") from error
    except errors.RevisionNotFoundError as error:
        raise _refused(name, f"the Hugging Face hub has no revision {revision!r} of it") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        # What is refused is looked for in the cache, too, and not being there is what is reported.
        if isinstance(refusal := error.__cause__, errors.HfHubHTTPError):
            status = refusal.response.status_code
            raise _refused(name, f"the Hugging Face hub refused it ({status})") from error
        reason = "and the Hugging Face hub cannot be reached to download one of this name"
        raise _refused(name, f"there is no such file or folder, {reason}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise _refused(name, f"cannot be downloaded from the Hugging Face hub: {reason}") from error


def _refused(name: str, reason: str) -> UsageError:
    return UsageError(f"--tokenizer {name}: {reason}")
