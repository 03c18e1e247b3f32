"""Records: from the bytes of a file to raw records, normalised documents, and the text of a shard.

For code that knows how a format stores documents, and how documents are assigned to shards.

May import: files, text, arrays, schemas.
"""
