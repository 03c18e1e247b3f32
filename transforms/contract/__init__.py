"""What the parts of a recipe and the checks agree on.

A recipe is composed of axes, each a protocol, with values that pass between them:

    tokens --Segment--> windows --Pair--> segments --RowLayout--> rows
    rows --Select(Units, Budget)--> positions --Rewrite(RandomIds)--> ids --Targets--> columns

A part of a recipe is a frozen dataclass that follows one of these protocols and extends
`transforms.contract.part.Part`. `packing` has those of the first line, `corrupting` those of the
second, `predicting` what is learned of rows that are not corrupted, and `denoising` of those whose
length changes. Nothing here knows which parts there are.

`attention` says which tokens a model may see, `rules` the values that parts and checks are given
in place of the recipe, `part` what every part says of its own output, `stored` and `structure` the
rows of a shard, `oracle` the bounds of statistics.

May import: kernels, arrays, schemas.
"""
