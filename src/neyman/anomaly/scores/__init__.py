"""Scores of how little an event looks like the background, each with `fit` and `score_samples`.

What to use when:

- `energy.EnergyScore`: the energy network; the norm of its score at one level of noise is the default of the job.
- `knn.NearestNeighbours`: hard to beat on a table of up to some 100,000 events; it learns nothing and keeps events.
- `combination.Combined`: two or more of them by calibrated p-values, where no single one is good for all signals.
- `autoencoder.Autoencoder`, `forest.Forest`, `mahalanobis.Mahalanobis`: what others use, to compare with.
"""
