"""Which words stand near which in all rows: counted by shard of rows, then added up by part.

May import: schemas, kernels, arrays, contract, objectives, files, build.
"""
