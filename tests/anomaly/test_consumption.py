"""Energy is measured where there are counters, and called an estimate where there are none."""

import pytest

from neyman.anomaly.consumption import WATTS_PER_CORE, Consumption, consumption


def counter(folder, name, microjoules, largest=10_000_000):
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{largest}\n")


def test_without_counters_there_is_no_energy(tmp_path):
    with consumption(tmp_path) as used:
        total = sum(range(2_000_000))
    assert total > 0
    assert used.joules is None
    assert used.cpu_seconds > 0
    assert "not measured" in used.in_words()
    assert used.estimated_joules == pytest.approx(used.cpu_seconds * WATTS_PER_CORE)


def test_packages_add_and_their_parts_do_not(tmp_path):
    for name, value in (("intel-rapl:0", 1_000_000), ("intel-rapl:1", 2_000_000), ("intel-rapl:0:0", 5)):
        counter(tmp_path, name, value)
    with consumption(tmp_path) as used:
        for name, value in (("intel-rapl:0", 3_000_000), ("intel-rapl:1", 2_500_000), ("intel-rapl:0:0", 900_000)):
            counter(tmp_path, name, value)
    assert used.joules == pytest.approx(2.5)
    assert "2.5 J measured by RAPL" in used.in_words()


def test_a_counter_that_begins_anew(tmp_path):
    counter(tmp_path, "intel-rapl:0", 9_500_000)
    with consumption(tmp_path) as used:
        counter(tmp_path, "intel-rapl:0", 500_000)
    assert used.joules == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["", "nothing"])
def test_a_counter_without_a_number(tmp_path, text):
    counter(tmp_path, "intel-rapl:0", 1)
    with consumption(tmp_path) as used:
        (tmp_path / "intel-rapl:0" / "energy_uj").write_text(text)
    assert used.joules is None


def test_it_is_filled_in_after_an_error_too(tmp_path):
    with pytest.raises(RuntimeError), consumption(tmp_path) as used:
        sum(range(100_000))
        raise RuntimeError
    assert isinstance(used, Consumption)
    assert used.cpu_seconds > 0
