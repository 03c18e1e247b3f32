"""The log of a stream, and the folder that it watches.

May import: planning, folder, schemas, transforms.
"""
