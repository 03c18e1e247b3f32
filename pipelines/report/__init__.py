"""What a finished build says of itself: manifest, report page, dataset card, rows for people.

Imports: planning, folder, running, transforms, schemas.
"""
