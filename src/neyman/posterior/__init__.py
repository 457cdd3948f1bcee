"""Which Wilson coefficients produced these decays? Neural posterior estimation from sets of events [torch].

| you have | use |
|---|---|
| a config | `neyman posterior run CONFIG --out DIR`, or `load_config` and `train_posterior` |
| a trained artefact and events | `TrainedPosterior.load(path)`, then `infer` |
| a simulator whose density is known, and one set | `ExactGrid`: no training, the truth |
| doubts | `check`: ranks, coverage, TARP, divergence and width against the exact posterior |
"""
