from pipelines.stages.records import public


def test_options_are_stored_without_passwords() -> None:
    options = {"input": ("https://me:word@host/a.txt", "b.txt"), "quiet": ()}
    assert public(options) == {"input": ("https://host/a.txt", "b.txt"), "quiet": ()}
