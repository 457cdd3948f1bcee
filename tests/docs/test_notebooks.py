"""The notebooks run from top to bottom; those of an example one after the other, as the later need the earlier."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
EXAMPLES = sorted({path.parent for path in (ROOT / "examples").glob("*/*.ipynb")})


def test_there_are_some():
    assert NOTEBOOKS
    assert EXAMPLES


def run(paths, folder):
    """Run notebooks in a folder."""
    command = [sys.executable, "-m", "pytest", "--nbmake", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    done = subprocess.run(
        [*command, "-c", "/dev/null", *map(str, paths)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert f"{len(paths)} passed" in done.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs(path, tmp_path):
    run([Path(shutil.copy(path, tmp_path))], tmp_path)  # what it writes stays out of the repository


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs(folder, tmp_path):
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    run(sorted(copy.glob("*.ipynb")), copy)
    made = [path for path in (copy / "saved_datasets").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in made) < 2_000_000
