"""Rows as the samples of other loaders: the bytes of MDS shards, LitData chunks, tar archives.

Nothing here imports the libraries that read them: each format is a few numbers in front of the
bytes of the samples, which are joined column by column. The libraries' own writers take samples one
by one; tests compare their bytes with ours.

May import: arrays, kernels, schemas.
"""
