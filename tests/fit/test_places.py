import pytest

from neyman.fit.places import Places

TEXT = """\
Samples:
  - Name: data
  - Name: ttbar
    SamplePath:
      - a.root
      - b.root
"""


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("Samples",), 1),
        (("Samples", 1), 3),
        (("Samples", 1, "SamplePath"), 4),
        (("Samples", 1, "SamplePath", 1), 6),
        (("Samples", 1, "Weight"), 3),
        (("Samples", 7), 1),
        (("General", "Tree"), 1),
    ],
)
def test_the_line_of_a_key_or_of_what_should_hold_it(tmp_path, location, line):
    path = tmp_path / "fit.yml"
    path.write_text(TEXT)
    key = ".".join(map(str, location))
    assert Places.read(path).where(location) == f"{path}:{line}: {key}"
    assert Places().where(location) == key


def test_places_do_not_count_in_comparisons(tmp_path):
    path = tmp_path / "fit.yml"
    path.write_text(TEXT)
    assert Places.read(path) == Places()
