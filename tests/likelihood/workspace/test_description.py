import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.likelihood.workspace import Inspection, Workspace, describe, inspect
from neyman.likelihood.workspace.arrays import array_reference

SR = "$.channels[1]"


def found(unbinned):
    folder, document = unbinned
    return inspect(Workspace.from_dict(document, folder=folder))


def test_an_unbinned_channel(unbinned, tmp_path):
    folder, _ = unbinned
    inspection = found(unbinned)
    binned, channel = inspection.channels
    assert binned.events is None
    assert (channel.name, channel.bins, channel.samples) == ("SR", None, ("signal", "background"))
    assert (channel.expected, channel.observed) == (60.5, 60)
    events = channel.events
    assert (events.observed, events.reference, events.normalised) == (60, 400, True)
    assert [(each.name, each.nominal, each.parameters, each.shapes) for each in events.samples] == [
        ("signal", 20, ("mu", "JES"), ("JES",)),
        ("background", 40.5, ("JES",), ()),
    ]
    unused = [f"{name}_{which}" for name in ("up", "down") for which in ("observed", "reference")]
    sizes = [file.stat().st_size for file in (folder / "arrays").iterdir() if file.stem not in unused]
    assert (events.files, events.bytes) == (len(sizes), sum(sizes)) == (9, events.bytes)
    kinds = {(each.name, each.type): (each.channels, each.samples) for each in inspection.modifiers}
    assert kinds == {("JES", "normsys"): (2, 1), ("JES", "normplusshape"): (1, 1), ("mu", "normfactor"): (1, 1)}
    inspection.save(tmp_path / "a.json")
    assert Inspection.load(tmp_path / "a.json") == inspection


def test_the_text(unbinned):
    text = describe(found(unbinned))
    size = f"{found(unbinned).channels[1].events.bytes / 1000:.3g} kB"
    assert text.startswith(
        f"""\
channel  bins  expected  observed  samples
CR       2     190       189       background
SR       none  60.5      60        signal, background

unbinned  events  reference  normalised  files
SR        60      400        yes         9, {size}

unbinned  sample      yield  parameters  of its shape
SR        signal      20     mu, JES     JES
SR        background  40.5   JES         none

modifier  type"""
    )


def test_weights_of_observed_events_are_added_up(unbinned, put):
    folder, document = unbinned
    np.save(folder / "w.npy", np.full(60, 0.5, np.float32))
    put(document, f"{SR}.observed.weights", array_reference(folder / "w.npy", folder))
    channel = found(unbinned).channels[1]
    assert (channel.observed, channel.events.observed) == (30, 60)


def test_what_is_blinded_tells_nothing_of_the_number_of_events(unbinned):
    inspection = found(unbinned)
    assert inspection.blinded() == inspection
    hidden = tuple(each.model_copy(update={"observed": None}) for each in inspection.channels)
    shown = inspection.model_copy(update={"channels": hidden}).blinded()
    assert (shown.channels[1].events.observed, shown.channels[1].events.bytes) == (None, None)
    assert shown.channels[1].events.reference == 400
    assert "SR        blinded  400        yes         9\n" in describe(shown)
    assert "60 " not in shown.to_json()


def test_without_reference_events(unbinned, put):
    document = unbinned[1]
    for path in (SR, f"{SR}.samples[0].log_ratio", f"{SR}.samples[1].log_ratio"):
        put(document, f"{path}.reference", ...)
    put(document, f"{SR}.samples[0].modifiers", [{"name": "mu", "type": "normfactor", "data": None}])
    put(document, f"{SR}.normalise", False)
    events = found(unbinned).channels[1].events
    assert (events.reference, events.normalised, events.files) == (None, False, 2)
    assert "SR        60      none       no          2, " in describe(found(unbinned))


def test_a_file_that_is_not_there(unbinned, message):
    folder, _ = unbinned
    (folder / "arrays" / "jes_lo_observed.npy").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError) as error:
        found(unbinned)
    message(error, f"{SR}.samples[0].modifiers[1].data.lo_log_ratio.observed: ", "git lfs pull")
