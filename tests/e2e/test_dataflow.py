"""A Dataflow job is put together and staged, against an emulator of Google Cloud Storage."""

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apache_beam.portability.api import beam_runner_api_pb2

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ["pyproject.toml", "setup.py", "README.md", "pipelines", "schemas", "transforms", "tests"]


@pytest.fixture(scope="module")
def bucket(emulator: str) -> Iterator[Any]:
    storage = pytest.importorskip("google.cloud.storage")
    bucket = storage.Client.create_anonymous_client().bucket("dataflow")
    bucket.create(project="test")
    yield bucket
    bucket.delete(force=True)


@pytest.fixture(scope="module")
def setup_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project: building its sdist leaves files there."""
    folder = tmp_path_factory.mktemp("project")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in PROJECT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)
    return folder / "setup.py"


def dataflow(setup_file: Path) -> list[str]:
    return [
        "--runner=DataflowRunner",
        "--project=test",
        "--region=us-central1",
        "--temp_location=gs://dataflow/temp",
        "--sdk_location=container",
        "--no_auth",
        f"--setup_file={setup_file}",
    ]


def names(bucket: Any) -> list[str]:
    return sorted(blob.name for blob in bucket.list_blobs())


@pytest.fixture(scope="module")
def staged(
    bucket: Any, setup_file: Path, start_build: Callable[..., Any]
) -> tuple[str, dict[str, bytes]]:
    """Stages a template; returns what was said, and what lies in the bucket by last name."""
    template = "--template_location=gs://dataflow/template/job"
    process = start_build("gs://dataflow/staged", *dataflow(setup_file), template)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    found = {blob.name.rpartition("/")[2]: blob.download_as_bytes() for blob in bucket.list_blobs()}
    return said, found


def test_dry_run_submits_nothing(
    bucket: Any,
    setup_file: Path,
    build: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build("gs://dataflow/dry", *dataflow(setup_file), "--dry_run=True") == 0
    assert capsys.readouterr().out == (
        "gs://dataflow/dry is not finished; the job was assembled but not submitted "
        "(--dry_run): run the same command without it\n"
    )
    assert [name for name in names(bucket) if name.startswith("dry/")] == [
        "dry/.shardmill/record.json"
    ]


def test_template_stages_the_job(staged: tuple[str, dict[str, bytes]]) -> None:
    said, files = staged
    assert said == (
        "gs://dataflow/staged is not finished; a template of the job was staged: run it, and when "
        "it is done run the same command again to finish the build\n"
    )
    assert {"job", "pipeline.pb", "workflow.tar.gz"} <= files.keys()
    job = json.loads(files["job"])
    assert job["type"] == "JOB_TYPE_BATCH"
    pipeline = beam_runner_api_pb2.Pipeline.FromString(files["pipeline.pb"])
    steps = {transform.unique_name for transform in pipeline.components.transforms.values()}
    assert {"ReadDocuments", "ShardDocuments", "BuildShards", "RecordReading", "Finish"} <= steps
    shuffles = [name for name in steps if name.endswith("GroupByShard")]
    assert shuffles == ["ShardDocuments/GroupByShard"]


def test_job_is_finished_by_the_same_command_wherever_it_ran(
    staged: tuple[str, dict[str, bytes]],
    bucket: Any,
    build: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build("gs://dataflow/staged") == 0
    assert "80 documents" in capsys.readouterr().out
    assert "staged/manifest.json" in names(bucket)


@pytest.fixture(scope="module")
def sdist(staged: tuple[str, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdist") / "workflow.tar.gz"
    path.write_bytes(staged[1]["workflow.tar.gz"])
    return path


def test_sdist_holds_the_programs_and_no_tests(sdist: Path, setup_file: Path) -> None:
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    sources = {
        str(path.relative_to(setup_file.parent))
        for package in ("pipelines", "schemas", "transforms")
        for path in (setup_file.parent / package).rglob("*")
        if path.suffix in {".py", ".j2", ".typed"}
    }
    assert sources <= inside
    assert {"pyproject.toml", "setup.py"} <= inside
    assert not [name for name in inside if name.startswith(("tests", "sample", "benchmarks"))]


def test_sdist_can_be_installed_on_a_worker(sdist: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(tmp_path / "site"), str(sdist)], check=True, cwd=tmp_path)
    assert not (tmp_path / "site" / "tests").exists()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import pipelines.run_build, schemas.manifest, transforms.build.build_shards\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
        "print(pipelines.__file__)"
    )
    isolated = [sys.executable, "-I", "-c", code]
    found = subprocess.run(isolated, check=True, cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout.strip() == str(tmp_path / "site" / "pipelines" / "__init__.py")


def test_workers_install_no_torch(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        [info] = [name for name in archive.getnames() if name.count("/") == 1 and "PKG" in name]
        file = archive.extractfile(info)
        assert file is not None
        metadata = file.read().decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    always = [line for line in required if "extra ==" not in line]
    assert any("apache-beam" in line for line in always)
    assert not [line for line in always if "torch" in line or "transformers" in line]
