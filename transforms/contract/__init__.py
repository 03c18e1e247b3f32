"""What the parts of a recipe and the checks agree on.

`axes` are the protocols that parts follow, `rules` the values that parts and checks are given in
place of the recipe, `part` what every part says of its own output, `stored` and `structure` the
rows of a shard, `oracle` the bounds of statistics.

May import: kernels, arrays, schemas.
"""
