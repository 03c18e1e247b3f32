"""Speed of the search for near-duplicates beside datasketch and DataTrove, on the same file.

    python -m benchmarks.near_duplicates --input FILE.jsonl [--rounds 3]

Each does the same work on one core: it reads JSON lines, signs documents of word 5-grams with as
many permutations, finds candidates by bands, and joins them to clusters. Rounds are interleaved,
and ratios are of the same round. datasketch is given our hash, our shingles and our permutations,
so its clusters must be ours; DataTrove tokenizes and hashes in its own way and counts equal
documents too.

Needs `pip install 'shardmill[bench]'`, and "xxhash<4" for DataTrove 0.10.
"""

import argparse
import contextlib
import io
import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from transforms.files.atomic_files import make_folder
from transforms.files.inputs import plan_ranges
from transforms.files.storage import join
from transforms.filters.near_duplicates import NearDuplicates
from transforms.filters.near_files import FOLDER
from transforms.filters.near_search import NearSearch
from transforms.read.input_files import match_inputs
from transforms.read.read_documents import RangeReader

BANDS, ROWS = 14, 8
"""DataTrove's defaults."""
NEAR = NearDuplicates(similarity=0.8, recall=0.92, bands=BANDS, rows=ROWS)


def ours(path: Path, folder: Path) -> int:
    """Returns how many documents are dropped."""
    make_folder(join(str(folder), FOLDER))
    make_folder(join(str(folder), ".shardmill"))
    files = match_inputs([str(path)], "jsonl", "utf-8")
    ranges = plan_ranges(files)
    search = NearSearch(near=NEAR, reader=RangeReader(), ranges=ranges, parts=4, output=str(folder))
    for number in range(len(search.tasks)):
        search.sign(number)
    for part in range(search.parts):
        search.link(part)
    return len(search.join().dropped)


def of_datasketch(path: Path, _folder: Path) -> int:
    """Returns how many documents are dropped: all but one of each cluster."""
    import datasketch
    import xxhash

    from schemas.documents import document_key
    from transforms.text.normalize import normalize_texts

    wide = r"[\u3041-\u30ff\u3400-\u9fff]"
    token = re.compile(rf"{wide}|(?:(?!{wide})[^\W_])+")
    lsh = datasketch.MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    empty = datasketch.MinHash(num_perm=BANDS * ROWS, hashfunc=xxhash.xxh32_intdigest)
    cluster: dict[bytes, bytes] = {}

    def root(key: bytes) -> bytes:
        while cluster[key] != key:
            cluster[key] = cluster[cluster[key]]
            key = cluster[key]
        return key

    with path.open("rb") as file:
        for line in file:
            [text] = normalize_texts([json.loads(line)["text"].encode()])
            key, tokens = document_key(text), token.findall(text.decode().lower())
            if key in cluster or not tokens:
                continue
            cluster[key] = key
            grams = {" ".join(tokens[n : n + 5]) for n in range(max(len(tokens) - 5, 0) + 1)}
            minhash = empty.copy()
            minhash.update_batch([gram.encode() for gram in grams])
            for other in lsh.query(minhash):
                cluster[root(other)] = root(key)
            lsh.insert(key, minhash)
    return len(cluster) - len({root(key) for key in cluster})


def of_datatrove(path: Path, folder: Path) -> int:
    """Returns how many documents are dropped."""
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.utils.hashing import HashConfig

    config = MinhashConfig(
        num_buckets=BANDS, hashes_per_bucket=ROWS, hash_config=HashConfig(precision=32)
    )
    signed, buckets, removed = (str(folder / name) for name in ("signed", "buckets", "removed"))
    reader = JsonlReader(str(path.parent), glob_pattern=path.name)
    MinhashDedupSignature(signed, config=config).run(reader.run())
    for number in range(BANDS):
        MinhashDedupBuckets(signed, buckets, config=config).run(None, number, BANDS)
    cluster = MinhashDedupCluster(buckets, removed, config=config)
    cluster.run(None, 0, 1)
    return sum(file.stat().st_size // 4 for file in Path(removed).rglob("*.remove"))


SIDES: dict[str, Callable[[Path, Path], int]] = {
    "shardmill": ours,
    "datasketch": of_datasketch,
    "datatrove": of_datatrove,
}


def measure(side: Callable[[Path, Path], int], path: Path) -> tuple[float, int]:
    """Returns the seconds that a side takes, and how many documents it drops."""
    folder = Path(tempfile.mkdtemp())
    began = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        dropped = side(path, folder)
    seconds = time.perf_counter() - began
    shutil.rmtree(folder)
    return seconds, dropped


def main() -> None:
    """Prints seconds, MB/s and the paired ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True, help="JSON lines with `text`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", default=",".join(SIDES))
    given = parser.parse_args()
    with contextlib.suppress(ImportError):
        from loguru import logger

        logger.remove()
    names = given.sides.split(",")
    size = given.input.stat().st_size / 1e6
    warm = Path(tempfile.mkdtemp(), "warm.jsonl")
    warm.write_text(json.dumps({"text": "one two three four five six"}) + "\n", "utf-8")
    for name in names:
        measure(SIDES[name], warm)
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            found[name].append(measure(SIDES[name], given.input))
    for name, rounds in found.items():
        seconds = statistics.median(each for each, _ in rounds)
        ratios = [other / own for (other, _), (own, _) in zip(rounds, found[names[0]], strict=True)]
        print(
            f"{name:10} {seconds:7.2f} s {size / seconds:7.2f} MB/s, {rounds[0][1]:,} dropped, "
            f"{statistics.median(ratios):.1f} times as long as {names[0]} "
            f"({', '.join(f'{ratio:.1f}' for ratio in ratios)})"
        )


if __name__ == "__main__":
    main()
