from benchmarks.dask_hosts import _table


def test_table_compares_with_local_builds_and_with_one_worker() -> None:
    seconds = {
        "local, 1": [8.0, 10.0, 9.0],
        "Dask, 1": [18.0],
        "local, 2": [5.0],
        "Dask, 2": [10.0],
    }
    assert _table(seconds).splitlines()[2:] == [
        "| local, 1 | 9.0 | 1.00 | 1.00 |",
        "| Dask, 1 | 18.0 | 2.00 | 1.00 |",
        "| local, 2 | 5.0 | 1.00 | 1.80 |",
        "| Dask, 2 | 10.0 | 2.00 | 1.80 |",
    ]
