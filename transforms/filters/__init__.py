"""Documents that are left out before the shuffle: by language, by rules of quality, as near copies.

A filter looks at batches of documents and says why which of them are dropped; `FilteredReader` puts
some of them behind any reader, so every runner and every command reads through them alike.

May import: read, records, files, text, arrays, kernels, schemas.
"""
