"""Rates against arithmetic by hand, and against pseudo-experiments."""

import numpy as np
import pytest

from neyman.anomaly.trigger import MenuConfig, Sample, accepts, menu_rates, needed_columns
from neyman.core.errors import ConfigError, DataError

MENU = """\
luminosity: 1.0e+34
samples: [{name: soft, file: soft.parquet, cross_section: 1.0e+9, generated: 100}]
paths:
  - {name: muon, muons: {pt: 20, eta: 2.1}}
  - {name: two leptons, leptons: {count: 2, pt: 10}, prescale: 4}
  - {name: ht, ht: 100, met: 50}
"""


def event(**objects):
    """One row: `event(muon=[(25, 0.1)], met=30)`."""
    columns = {"met_pt": objects.get("met", 0.0)}
    for kind, most in (("electron", 4), ("muon", 4), ("jet", 10)):
        given = objects.get(kind, [])
        for number in range(most):
            pt, eta = given[number] if number < len(given) else (0.0, 0.0)
            columns |= {f"{kind}{number + 1}_pt": pt, f"{kind}{number + 1}_eta": eta}
    return columns


def sample(*rows, name="soft", cross_section=1e9, error=0.0, generated=None):
    columns = {key: np.array([row[key] for row in rows], float) for key in rows[0]}
    return Sample(name, columns, cross_section, error, generated or len(rows))


@pytest.fixture
def menu(tmp_path):
    (tmp_path / "menu.yaml").write_text(MENU)
    return MenuConfig.load(tmp_path / "menu.yaml")


ONE_MUON = event(muon=[(25, 0.1)])
FORWARD = event(muon=[(25, 2.3)])
PAIR = event(muon=[(25, 0.1)], electron=[(11, 1.0)])
BUSY = event(jet=[(80, 0.0), (40, 1.0), (29, 0.0), (200, 3.0)], met=51)
NOTHING = event()


def test_conditions(menu):
    found = sample(ONE_MUON, FORWARD, PAIR, BUSY, NOTHING)
    muon, pair, ht = (accepts(path, found).tolist() for path in menu.paths)
    assert muon == [True, False, True, False, False]
    assert pair == [False, False, True, False, False]
    assert ht == [False, False, False, True, False]


def test_rates_by_hand(menu):
    """1e9 pb at 1e34 are 10 MHz: of ten collisions each is 1 MHz."""
    result = menu_rates(menu, [sample(ONE_MUON, PAIR, BUSY, *[NOTHING] * 7)])
    muon, pair, ht = result.paths
    assert muon.rate == pytest.approx(2e6)
    assert pair.rate == pytest.approx(0.25e6)
    assert ht.rate == pytest.approx(1e6)
    assert [path.cumulative for path in result.paths] == pytest.approx([2e6, 2e6, 3e6])
    assert result.rate == pytest.approx(3e6)
    assert result.reduction == pytest.approx(40e6 / 3e6)
    assert result.samples[0].input_rate == pytest.approx(1e7)


def test_a_prescaled_path_adds_what_no_other_path_has(menu):
    pair = event(electron=[(11, 0.0), (12, 1.0)])
    result = menu_rates(menu, [sample(pair, PAIR, generated=10)])
    assert result.rate == pytest.approx(1.25e6)


def test_events_that_are_not_there_are_counted_as_rejected(menu):
    few = menu_rates(menu, [sample(ONE_MUON, generated=10)])
    all_there = menu_rates(menu, [sample(ONE_MUON, *[NOTHING] * 9)])
    assert few == all_there


def test_samples_add_and_what_a_sample_without_events_may_add_stands_apart(menu):
    alone = menu_rates(menu, [sample(*[ONE_MUON] * 100, *[NOTHING] * 100, cross_section=1e3)])
    with_soft = menu_rates(menu, [sample(*[ONE_MUON] * 100, *[NOTHING] * 100, cross_section=1e3), sample(NOTHING)])
    assert with_soft.rate == alone.rate
    assert with_soft.rate_low == pytest.approx(alone.rate_low)
    assert with_soft.rate_high == pytest.approx(alone.rate_high)
    assert alone.unseen == 0
    of_one = 0.841  # at 68 %, one event of which none is accepted: 1 - 0.159
    assert with_soft.unseen == pytest.approx(of_one * 1e7, rel=1e-3)
    muon, pair, _ = with_soft.paths
    assert muon.unseen == pytest.approx(with_soft.unseen)
    assert pair.unseen == pytest.approx(of_one * 1e7 / 4, rel=1e-3)  # its prescale counts
    many = menu_rates(menu, [sample(ONE_MUON, cross_section=1e3), sample(*[NOTHING] * 500)])
    assert many.unseen == pytest.approx(1.841 * 1e7 / 500, rel=3e-3)  # Garwood's, where there are many


def test_what_may_be_added_knows_the_prescales():
    """An event that both paths accept is kept once in five hundred and once in a thousand."""
    menu = MenuConfig(
        paths=({"name": "jet", "jets": {"pt": 100}, "prescale": 500}, {"name": "ht", "ht": 100, "prescale": 1000})
    )
    result = menu_rates(menu, [sample(*[NOTHING] * 500)])
    full = 2e34 * 1e9 * 1e-36 * 1.841 / 500
    assert result.rate == 0
    assert result.unseen == pytest.approx(full * (1 - (1 - 1 / 500) * (1 - 1 / 1000)), rel=3e-3)
    assert [path.unseen for path in result.paths] == pytest.approx([full / 500, full / 1000], rel=3e-3)


def test_no_more_collisions_are_accepted_than_there_are(menu):
    result = menu_rates(menu, [sample(*[ONE_MUON] * 10)])
    assert result.rate == result.rate_high == pytest.approx(1e7)
    assert 0.8e7 < result.rate_low < 1e7


@pytest.mark.parametrize(("acceptance", "prescale"), [(0.1, 1), (0.9, 1), (0.9, 7)])
def test_the_interval_of_a_path_is_clopper_and_pearsons(acceptance, prescale):
    """In a prescaled menu an event is kept in part: the interval is that of the fraction, times the part."""
    from neyman.diagnostics import binomial_interval

    menu = MenuConfig(luminosity=1e34, paths=({"name": "muon", "muons": {"pt": 20}, "prescale": prescale},))
    passing = round(400 * acceptance)
    result = menu_rates(menu, [sample(*[ONE_MUON] * passing, *[NOTHING] * (400 - passing))])
    low, high = binomial_interval(passing, 400, level=0.6827)
    assert (result.rate_low, result.rate_high) == pytest.approx((1e7 * low / prescale, 1e7 * high / prescale), rel=1e-4)
    (path,) = result.paths
    assert (path.rate_low, path.rate_high) == pytest.approx((result.rate_low, result.rate_high))


def test_the_interval_holds_68_per_cent(menu):
    """Of pseudo-experiments with a known acceptance."""
    rng = np.random.default_rng(1)
    truth, inside = 1e7 * 0.1, 0
    for _ in range(150):
        rows = np.where(rng.random(400) < 0.1, 25.0, 0.0)
        columns = {name: np.zeros(400) for name in needed_columns(menu)} | {"muon1_pt": rows}
        result = menu_rates(menu, [Sample("soft", columns, 1e9, 0.0, 400)])
        inside += result.rate_low <= truth <= result.rate_high
    assert 0.6 < inside / 150 < 0.84  # Clopper and Pearson's interval covers at least as much


def test_the_error_of_the_cross_section_counts(menu):
    rows = [ONE_MUON] * 10_000
    result = menu_rates(menu, [sample(*rows, error=1e8)])
    assert result.rate_high - result.rate == pytest.approx(0.1 * result.rate, rel=0.01)


def test_simulated_slices_have_their_own_cross_sections(monkeypatch):
    """Of soft collisions only those below the next slice count: 80 of 100."""
    from neyman.anomaly.trigger_samples import load_samples
    from neyman.events.events import Events
    from neyman.simulation.pythia import collider
    from neyman.simulation.pythia.sample import Counts

    def slices(process, layout, generated, seed, executor):
        if process != "qcd":
            return [(events(generated), Counts(generated, generated, 50.0, 0.5, 50.0, generated, 1.0))]
        soft = Counts(100, 80, 1000.0, 1.0, 800.0, 80, 1.0)
        return [(events(80), soft), (events(100), Counts(100, 100, 10.0, 0.7, 10.0, 100, 1.0))]

    def events(rows):
        names = collider.SCHEMAS["trigger"].names
        return Events({name: np.zeros(rows) for name in names}, collider.SCHEMAS["trigger"])

    monkeypatch.setattr(collider, "collider_slices", slices)
    menu = MenuConfig(samples={"generated": 100}, paths=({"name": "met", "met": 10},))
    soft, hard, *others = load_samples(menu)
    assert [each.name for each in (soft, hard, *others)] == ["qcd, slice 1", "qcd, slice 2", "w", "z", "tt"]
    assert (soft.cross_section, soft.cross_section_error, soft.generated) == (800.0, pytest.approx(0.8), 80)
    assert (hard.cross_section, hard.cross_section_error, hard.generated) == (10.0, pytest.approx(0.7), 100)
    assert menu_rates(menu, [soft, hard, *others]).rate == 0


def test_only_what_is_needed_is_read(menu):
    assert needed_columns(menu)[0] == "met_pt"
    assert "jet10_eta" in needed_columns(menu)
    assert "electron1_phi" not in needed_columns(menu)
    jets = menu.model_copy(update={"paths": menu.paths[:1]})
    assert needed_columns(jets) == tuple(f"muon{n}_{part}" for n in range(1, 5) for part in ("pt", "eta"))


def test_files_are_relative_to_the_menu(menu, tmp_path):
    assert menu.samples[0].file == str(tmp_path / "soft.parquet")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (MENU.replace("muons: {pt: 20, eta: 2.1}", "prescale: 2"), ["paths.0", "a condition at least"]),
        (MENU.replace("prescale: 4", "prescale: 0"), ["menu.yaml:5", "prescale"]),
        (MENU.replace("two leptons", "muon"), ["'muon' stands twice"]),
        (MENU.replace("1.0e+34", "-1"), ["menu.yaml:1", "luminosity"]),
        (
            MENU.replace("ht: 100", "hT: 100"),
            ["menu.yaml:6: paths.2.hT", "unknown key", "expected: one of electrons, ht"],
        ),
        (MENU.replace("[{name: soft, file: soft.parquet, cross_section: 1.0e+9, generated: 100}]", "[]"), ["samples"]),
        (MENU.split("paths", maxsplit=1)[0], ["missing", "paths"]),
    ],
)
def test_menus_that_cannot_be(text, parts, tmp_path, message):
    (tmp_path / "menu.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        MenuConfig.load(tmp_path / "menu.yaml")
    message(error, *parts)


def test_samples_that_cannot_be(menu, message):
    with pytest.raises(DataError) as error:
        menu_rates(menu, [])
    message(error, "no samples")
    with pytest.raises(DataError) as error:
        sample(ONE_MUON, NOTHING, generated=1)
    message(error, "soft", "1 generated collisions, of which 2 are there")
    with pytest.raises(DataError) as error:
        sample(ONE_MUON, cross_section=0.0)
    message(error, "cross-section 0 ± 0 pb")
    with pytest.raises(DataError) as error:
        menu_rates(menu, [sample({**ONE_MUON, "jet1_pt": np.nan})])
    message(error, "column 'jet1_pt' is nan in row 0")
    with pytest.raises(DataError) as error:
        menu_rates(menu, [Sample("soft", {"met_pt": np.ones(1)}, 1e9, 0.0, 1)])
    message(error, "no column 'muon1_pt'", "57 columns")
