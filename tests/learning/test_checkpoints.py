import json
import pickle
import zipfile

import pytest
import torch
from torch import nn

from neyman.core.errors import ArtefactError
from neyman.learning.checkpoints import (
    Checkpoint,
    load_checkpoint,
    optimiser_state,
    restore_optimiser,
    save_checkpoint,
)

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b/c|step": torch.tensor(3.0), "int": torch.tensor([1, 2])}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "state.safetensors"
    save_checkpoint(file, Checkpoint(TENSORS, {"identity": "mine", "history": {"step": [1, 2], "best": 1}}))
    return file


def test_round_trip(path):
    kept = load_checkpoint(path, identity="mine")
    assert kept.meta["history"] == {"step": [1, 2], "best": 1}
    assert kept.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert kept.tensors[name].dtype == tensor.dtype
        assert torch.equal(kept.tensors[name], tensor)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_run_that_never_began_has_none(tmp_path):
    assert load_checkpoint(tmp_path / "none", identity="mine") is None


def test_views_and_shared_tensors_are_kept(tmp_path):
    whole = torch.arange(6.0).reshape(2, 3)
    save_checkpoint(tmp_path / "f", Checkpoint({"t": whole.T, "same": whole, "row": whole[1]}, {"identity": ""}))
    kept = load_checkpoint(tmp_path / "f", identity="").tensors
    assert torch.equal(kept["t"], whole.T)
    assert torch.equal(kept["row"], whole[1])


def test_it_is_plain_data(path):
    """Eight bytes of length, a JSON header, numbers: nothing that could run."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert header.keys() == {"__metadata__", *TENSORS}
    assert len(content) == 8 + size + 6 * 4 + 4 + 2 * 8
    assert not zipfile.is_zipfile(path)
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(content)


def test_a_foreign_run_is_refused(path, message):
    with pytest.raises(ArtefactError) as error:
        load_checkpoint(path, identity="another")
    message(error, str(path), "another config", "remove the checkpoint")


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def test_what_is_no_checkpoint_is_refused(path, message):
    content = path.read_bytes()
    text = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    without_meta = len(text).to_bytes(8, "little") + text + b"\0" * 4
    for bad in (content[:-5], content[:20], content[:4], b"", pickle.dumps(Bomb()), b"[" + content, without_meta):
        path.write_bytes(bad)
        with pytest.raises(ArtefactError) as error:
            load_checkpoint(path, identity="mine")
        message(error, str(path), "remove it")


@pytest.mark.parametrize("meta", ["[]", "3", "null", "{", '"mine"'])
def test_metadata_that_is_not_ours_is_refused(path, meta, message):
    from safetensors.torch import save_file

    save_file(TENSORS, path, metadata={"neyman": meta})
    with pytest.raises(ArtefactError) as error:
        load_checkpoint(path, identity="mine")
    message(error, str(path))


def test_a_folder_is_no_checkpoint(tmp_path, message):
    with pytest.raises(ArtefactError) as error:
        load_checkpoint(tmp_path, identity="mine")
    message(error, str(tmp_path))


def test_a_new_checkpoint_replaces_the_old(path):
    save_checkpoint(path, Checkpoint({"a": torch.zeros(1)}, {"identity": "mine"}))
    assert load_checkpoint(path, identity="mine").tensors.keys() == {"a"}


def step(model, optimiser):
    optimiser.zero_grad()
    model(torch.tensor([[1.0, -2.0]])).square().sum().backward()
    optimiser.step()


def test_the_optimiser_goes_on_as_if_nothing_had_happened(tmp_path, seeded):
    """AdamW's moments and step counts come back: the next steps are the same to the bit."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(3):
        step(model, optimiser)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_checkpoint(tmp_path / "f", Checkpoint(optimiser_state(optimiser, model), {"identity": ""}))

    again = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    again.load_state_dict(weights)
    resumed = torch.optim.AdamW(again.parameters(), lr=0.1)
    restore_optimiser(resumed, again, load_checkpoint(tmp_path / "f", identity="").tensors)
    for _ in range(3):
        step(model, optimiser)
        step(again, resumed)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
