"""From the bytes of a file to records, and from records to documents and the text of a shard.

Imports: text, files, arrays, schemas.
"""
