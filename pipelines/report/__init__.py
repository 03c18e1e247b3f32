"""What a finished build says of itself: manifest, report page, dataset card, rows for people.

May import: stream, planning, folder, transforms, schemas.
"""
