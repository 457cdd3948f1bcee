import json
import os
import subprocess
import sys

import pytest

from neyman.core.errors import InputError
from neyman.core.runs import RUN, Run, RunFolder
from neyman.simulation.datasets import Dataset, generate
from neyman.simulation.prior import UniformPrior
from neyman.simulation.toys import GaussianToy


def run(path, **changes):
    return RunFolder(path, **{"command": "posterior train", "config": {"a": {"b": 1}}, "seed": 1, **changes})


def test_a_run_tells_what_ran_and_how_it_ended(tmp_path):
    with run(tmp_path / "out") as folder:
        assert folder.previous is None
        assert Run.load(folder.path / RUN).status == "running"
    record = json.loads((tmp_path / "out" / RUN).read_text())
    assert record["status"] == "finished"
    assert (record["command"], record["config"], record["seed"]) == ("posterior train", {"a": {"b": 1}}, 1)
    assert record["provenance"]["versions"]["neyman"]
    assert record["started"] <= record["finished"]
    assert os.listdir(tmp_path / "out") == [RUN]


@pytest.mark.parametrize(("kind", "status"), [(KeyboardInterrupt, "interrupted"), (ZeroDivisionError, "failed")])
def test_what_stopped_a_run_is_written_down_and_it_resumes(tmp_path, kind, status):
    with pytest.raises(kind), run(tmp_path):
        (tmp_path / "half").write_text("")
        raise kind
    stopped = Run.load(tmp_path / RUN)
    assert (stopped.status, stopped.error) == (status, kind.__name__)
    with run(tmp_path) as folder:
        assert folder.previous == stopped
    ended = Run.load(tmp_path / RUN)
    assert (ended.status, ended.error, ended.attempts) == ("finished", None, 2)
    assert ended.started == stopped.started


def test_a_run_that_was_killed_resumes(tmp_path):
    with run(tmp_path):
        killed = (tmp_path / RUN).read_text()
    (tmp_path / RUN).write_text(killed)
    (tmp_path / ".weights.1.tmp").write_text("half")
    with run(tmp_path) as folder:
        assert folder.previous.status == "running"
    assert os.listdir(tmp_path) == [RUN]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"seed": 2}, "seed 1, now 2"),
        ({"config": {"a": {"b": 2}}}, "a.b was 1, is now 2"),
        ({"config": {"a": {"b": 1}, "c": "x" * 500}}, "c was None, is now 'xxx"),
        ({"command": "posterior infer"}, "'posterior train', now 'posterior infer'"),
    ],
)
def test_a_folder_of_another_run_is_refused_and_not_touched(tmp_path, changes, part, message):
    with run(tmp_path):
        pass
    before = (tmp_path / RUN).read_bytes()
    with pytest.raises(InputError) as error, run(tmp_path, **changes):
        pass
    message(error, part, "another --out")
    assert (tmp_path / RUN).read_bytes() == before


def test_a_folder_of_other_files_is_refused(tmp_path, message):
    for name in ("thesis.tex", "z"):
        (tmp_path / name).write_text("")
    with pytest.raises(InputError) as error, run(tmp_path):
        pass
    message(error, "holds thesis.tex and 1 more")
    with pytest.raises(InputError) as error, run(tmp_path / "z"):
        pass
    message(error, "a file is in the way")


def test_a_damaged_record_is_refused(tmp_path, message):
    (tmp_path / RUN).write_text('{"status": "')
    with pytest.raises(InputError) as error, run(tmp_path):
        pass
    message(error, RUN)


def test_two_processes_may_not_share_a_folder(tmp_path):
    code = (
        "from pathlib import Path; from neyman.core.runs import RunFolder\n"
        "with RunFolder(Path('.'), command='posterior train', config={'a': {'b': 1}}, seed=1): pass"
    )
    with run(tmp_path):
        before = (tmp_path / RUN).read_bytes()
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "another process is writing here" in done.stderr
        assert (tmp_path / RUN).read_bytes() == before


def test_a_data_set_may_be_generated_inside_a_run(tmp_path):
    with run(tmp_path):
        generate(GaussianToy(), UniformPrior({"mu": (0, 1)}), sets=2, events=3, seed=1, out=tmp_path)
    assert Dataset.open(tmp_path).sets == 2


def test_values_that_json_lacks_do_not_make_a_run_another(tmp_path):
    for _ in range(2):
        with run(tmp_path, config={"a": float("nan"), "b": (1, 2)}):
            pass
    assert Run.load(tmp_path / RUN).attempts == 2
