"""Which words stand near which in all rows: counted by shard of rows, then added up by part.

Pure functions; the PTransform that calls them (`beam_counting`) is thin, and it alone imports Beam.

May import: schemas, kernels, arrays, contract, objectives, files, build.
"""
