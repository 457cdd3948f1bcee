import io

import pytest
from rich.console import Console

from neyman.core import progress as module
from neyman.core.progress import progress


def test_nothing_is_drawn_into_the_log_of_a_minute(capfd):
    with progress("simulating", total=10, unit="events") as advance:
        advance(4)
        advance(6, note="loss 0.1")
    assert capfd.readouterr() == ("", "")


def test_a_log_gets_a_line_now_and_then(monkeypatch, capfd):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    with progress("training [flow]", total=12_000, unit="steps", done=2000) as advance:
        advance(400, note="loss 0.1")
        advance(600)
    assert capfd.readouterr() == (
        "",
        "training [flow]: 2,400 of 12,000 steps, loss 0.1\ntraining [flow]: 3,000 of 12,000 steps\n",
    )


def test_a_terminal_gets_a_bar_with_a_rate(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=text, force_terminal=True, width=120))
    with progress("simulating", total=10, unit="events", done=2) as advance:
        advance(3, note="loss 0.1")
    for part in ("simulating", "5/10", "events/s", "loss 0.1"):
        assert part in text.getvalue()


def test_an_exception_goes_through():
    with pytest.raises(KeyboardInterrupt), progress("x", total=1, unit="y"):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.0"), (999, "999.0"), (1234, "1.2k"), (2.5e6, "2.5M"), (7e9, "7.0G")]
)
def test_short_rates(value, text):
    assert module._short(value) == text
