"""The words of all rows of a shard."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.checked_json import DamagedError
from schemas.manifest_parts import ShardEntry
from schemas.records import Int64
from transforms.files.checked_files import UnreadableError, read_checked
from transforms.files.storage import join

UInt32 = npt.NDArray[np.uint32]


def read_row_words(folder: str, entry: ShardEntry, words: int) -> tuple[UInt32, Int64]:
    """Reads the words of a shard.

    Args:
      folder: Of the build.
      entry: Of the shard.
      words: How many words there are; every id must be below.

    Returns:
      uint32[N] words, and int64[R + 1] where rows begin and end.

    Raises:
      DamagedError: if the file is not what was written.
    """
    path = join(folder, *entry.path.split("/"))
    try:
        content = read_checked(path, entry.path, entry.bytes, None)
        reader = pa.ipc.open_file(pa.BufferReader(content))
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        for batch in batches:
            batch.validate(full=True)
        lists = [batch.column("input_ids") for batch in batches]
    except (UnreadableError, pa.ArrowException, OSError, KeyError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    ids = [numpy_of(each.flatten()).astype(np.uint32, copy=False) for each in lists]
    lengths = [np.diff(numpy_of(each.offsets)) for each in lists]
    found = np.concatenate([*ids, np.empty(0, np.uint32)])
    if len(found) and int(found.max()) >= words:
        raise DamagedError(f"{path} is damaged: an id is not in the vocabulary")
    offsets = np.zeros(1 + sum(map(len, lengths)), np.int64)
    np.cumsum(np.concatenate([*lengths, np.empty(0, np.int64)]), out=offsets[1:])
    return found, offsets
