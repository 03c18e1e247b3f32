"""The files of the search for near-duplicates, in the folder of a build; gone when it is finished.

near-duplicates/signed-00003-of-00042.arrow   documents of a reading task: band hashes by part
near-duplicates/documents-00003-of-00042.arrow   their keys and sizes
near-duplicates/linked-00001-of-00004.arrow   pairs of documents that share a band, of one part
near-duplicates/dropped.arrow                 keys of the documents that are dropped, ascending
"""

FOLDER = "near-duplicates"
DROPPED_KEYS = f"{FOLDER}/dropped.arrow"


def signed_names(tasks: int) -> list[str]:
    """Returns the paths of the files of so many reading tasks."""
    return [f"{FOLDER}/signed-{number:05d}-of-{tasks:05d}.arrow" for number in range(tasks)]


def document_names(tasks: int) -> list[str]:
    """Returns the paths of the files of the documents of so many reading tasks."""
    return [f"{FOLDER}/documents-{number:05d}-of-{tasks:05d}.arrow" for number in range(tasks)]


def linked_names(parts: int) -> list[str]:
    """Returns the paths of the files of so many parts of the band hashes."""
    return [f"{FOLDER}/linked-{number:05d}-of-{parts:05d}.arrow" for number in range(parts)]
