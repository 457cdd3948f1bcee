"""What `explore` answers, as JSON can hold it."""

from __future__ import annotations

from neyman.core.results import Number, Part, Result


class FeatureSummary(Part):
    """One column of a table.

    Attributes:
        name: Its name.
        distinct: How many different numbers it has.
        most_common: Its most common number.
        most_common_fraction: How often that is.
        mean: Its mean, as all that follows without the few values that are far from all others and may stand for none.
        deviation: Its standard deviation.
        skewness: Third standardised moment; 0 of a symmetric distribution.
        edges: Edges of a histogram from the 0.5 % to the 99.5 % quantile.
        counts: Events in it; what is beyond is in the first and last bin.
    """

    name: str
    distinct: int
    most_common: Number
    most_common_fraction: Number
    mean: Number
    deviation: Number
    skewness: Number
    edges: list[Number]
    counts: list[int]


class Exploration(Result):
    """What a table looks like before anything is trained on it.

    Attributes:
        rows: Rows of the file.
        looked_at: Rows that the numbers are of.
        features: Each column.
        constant: Columns with one number.
        copies: Pairs of columns that are the same up to scale and shift.
        remarks: What deserves attention, in words.
        correlation_names: Columns that vary, in the order of the matrix.
        correlation: Their Pearson correlations.
        explained: Fraction of the variance that each principal component has, standardised columns.
        components: Without values that are far from all others, the first two principal components of up to 2000 rows.
        loadings: By component, the three columns that weigh most.
        distance_edges: Edges of the histograms of distances between standardised rows.
        distances: Of random pairs.
        nearest: Of each row and its nearest neighbour.
    """

    rows: int
    looked_at: int
    features: list[FeatureSummary]
    constant: list[str]
    copies: list[tuple[str, str]]
    remarks: list[str]
    correlation_names: list[str]
    correlation: list[list[Number]]
    explained: list[Number]
    components: list[list[Number]]
    loadings: list[list[str]]
    distance_edges: list[Number]
    distances: list[int]
    nearest: list[int]
