"""The formats of `shardmill export --to`, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.exporting.format import Format
from pipelines.exporting.megatron import MEGATRON
from pipelines.exporting.samples import Samples
from pipelines.exporting.tables import PARQUET, STREAM
from transforms.samples.litdata import LitData
from transforms.samples.mds import Mds
from transforms.samples.webdataset import WebDataset

MDS = Samples(
    name="mds",
    layout=Mds(),
    summary="shards of MosaicML's StreamingDataset",
    reader="import streaming\n\n"
    'data = streaming.StreamingDataset(local=".", split="train", batch_size=8)',
)
LITDATA = Samples(
    name="litdata",
    layout=LitData(),
    summary="chunks of LitData",
    reader='import litdata\n\ndata = litdata.StreamingDataset("train")',
)
WEBDATASET = Samples(
    name="webdataset",
    layout=WebDataset(),
    summary="tar archives of WebDataset",
    reader="import glob\n\nimport webdataset\n\n"
    'files = sorted(glob.glob("train/*.tar"))\n'
    "data = webdataset.WebDataset(files, shardshuffle=False).decode()",
    hub_files=".tar",
)
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "parquet": PARQUET,
        "stream": STREAM,
        "megatron": MEGATRON,
        "mds": MDS,
        "litdata": LITDATA,
        "webdataset": WEBDATASET,
    }
)
