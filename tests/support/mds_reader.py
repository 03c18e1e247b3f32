"""Prints the samples of a split as mosaicml-streaming reads them, a JSON a line.

Run as a program: FOLDER SPLIT. The package imports torchvision for datasets of pictures, which is
not needed here: where it is missing, empty modules stand for it.
"""

import importlib.util
import json
import sys
import types

import transformers

NAMES = ("torchvision", "torchvision.datasets", "torchvision.transforms")
FUNCTIONAL = "torchvision.transforms.functional"


def without_pictures() -> None:
    """Makes the package importable without torchvision."""
    # transformers looks for torchvision when these are first used.
    assert transformers.BatchEncoding, transformers.BatchFeature
    if importlib.util.find_spec("torchvision") is None:
        modules = {name: types.ModuleType(name) for name in (*NAMES, FUNCTIONAL)}
        modules["torchvision.datasets"].__dict__["VisionDataset"] = object
        modules[FUNCTIONAL].__dict__["to_tensor"] = None
        sys.modules.update(modules)


def main(folder: str, split: str) -> None:
    without_pictures()
    from streaming import StreamingDataset

    data = StreamingDataset(
        local=folder, split=split, shuffle=False, batch_size=1, validate_hash="sha256"
    )
    for number in range(len(data)):
        sample = {name: value.tolist() for name, value in data[number].items()}
        sys.stdout.write(f"{json.dumps(sample)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
