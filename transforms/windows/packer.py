"""What all ways of packing have in common."""

from typing import ClassVar

from transforms.contract.part import Part


class Packer(Part):
    """A way of packing; see `transforms.contract.axes.Segment`. By itself it makes no streams."""

    for_pairs: ClassVar[bool] = False
    dialogue: ClassVar[bool] = False
    of_streams: ClassVar[bool] = False

    @property
    def streams(self) -> int:
        return 0

    @property
    def predicted_only(self) -> int:
        return 0

    def reused(self, capacity: int) -> int:
        return 0
