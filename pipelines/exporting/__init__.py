"""Exports of builds: their rows in the formats of other loaders, and the hub of Hugging Face.

`command` reads the options, `write_export` makes a folder. A format is a line in the table of
`formats`: which files it has, and what writes each of them.

May import: report, stream, running, folder, transforms, schemas.
"""
