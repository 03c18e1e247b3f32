#!/usr/bin/env bash
# apache-beam 2.77.0 with distributed 2026.8.0: DaskRunner says DONE for a job whose scheduler went away
# before its work was done.
#
# Expected: wait_until_finish() raises, or returns FAILED, UNKNOWN or CANCELLED, since Dask marks all futures
# of the job as cancelled. Actual: it returns DONE, and what the job should have written is not there.
#
# Cause, read in dask_runner.py: wait_until_finish goes through as_completed(futures, with_results=True), where a
# cancelled future ends the wait like a finished one and raises nothing.
#
# Workaround: after wait_until_finish() look at the status of result.futures.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "apache-beam==2.77.0" "dask==2026.8.0" "distributed==2026.8.0"
cd "$folder"
cat > job.py <<'PYTHON'
import importlib.metadata
import logging
import threading
import time
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.dask.dask_runner import DaskRunner
from dask.distributed import LocalCluster


def write_slowly(path: str) -> str:
    time.sleep(120)
    Path(path).write_text("written")
    return path


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    options = PipelineOptions(["--dask_client_address", cluster.scheduler_address])
    pipeline = beam.Pipeline(runner=DaskRunner(), options=options)
    output = Path("output.txt").resolve()
    pipeline | beam.Create([str(output)]) | beam.Map(write_slowly)
    result = pipeline.run()
    time.sleep(5)
    # The scheduler and its worker are shut down, as when their host is.
    threading.Thread(target=cluster.close).start()
    state = result.wait_until_finish()
    statuses = [future.status for future in result.futures]
    versions = (f"{name} {importlib.metadata.version(name)}" for name in ("apache-beam", "distributed"))
    print(*versions, sep="\n")
    print("state:", state)
    print("futures:", statuses)
    print("output was written:", output.exists())
    assert state == "DONE"
    assert statuses == ["cancelled"]
    assert not output.exists()
PYTHON
"$folder/venv/bin/python" job.py 2>&1 | grep -v "Async instruction"
