"""Content detection: what the first bytes of a file are, so that no file is read as something else.

`content_checks` decides whether a file is what its name and the options say. The other modules each
detect one kind of content: binary formats, encodings, JSON, tables, markup.

May import: records, files, text, schemas.
"""
