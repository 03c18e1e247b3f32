"""A corpus that grows by windows: which documents were there before, and which wait.

Everything here depends on a shard of a window and on the same shard of the windows before.

May import: build, read, files, schemas.
"""
