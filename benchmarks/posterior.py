"""Benchmark of the posterior job: the sampler against EOS's Markov chain, training against sbi's.

    python benchmarks/posterior.py --json [--reduced]

Prints one JSON object last. All times are CPU-seconds of this process on one thread, from this run.

- `sampler_vs_eos_mcmc`: independent events per CPU-s of the exact sampler over *effective* events per CPU-s of
  EOS's chain (events divided by the longest integrated autocorrelation time of the four variables).
- `train_vs_sbi`: CPU time of sbi's stock DeepSet and trainer over ours, to the best KL at N = 1000 that sbi reaches
  within ten times our time, or until five looks at it bring no better KL; ours is the shortest of a ladder of
  trainings that reaches that KL. sbi gets the same simulator, the same inputs per event, sets of N = 1000, and
  aggregation by sum, which of its two does better here.
  `train_vs_sbi_to_our_kl` is the ratio to *our* KL: ">= 10" where sbi misses it.
- `kl`, `sd_ratio`: the set encoder with the default config at N = 1000, against the exact posterior.
- `cost_growth`: exponent of the CPU time of training in N, for a fixed number of sets. The statistic is learned on
  small sets whatever N is; its epochs are cut here, which makes the exponent larger than it is at full length.
"""

from __future__ import annotations

import json
import time
import warnings

import numpy as np
import torch
from reporting import speed_options

from neyman.core.provenance import commit, versions
from neyman.core.random import stream
from neyman.diagnostics.autocorrelation import integrated_autocorrelation_time
from neyman.diagnostics.grids import moments
from neyman.posterior.checking import check
from neyman.posterior.config import PosteriorConfig
from neyman.posterior.estimators import ExactGrid
from neyman.posterior.inputs import Normaliser
from neyman.posterior.trained import train_posterior
from neyman.simulation.eos import BToKstarMuMu, BToKstarMuMuMarkovChain
from neyman.simulation.prior import UniformPrior

N = 1000
PRIOR = UniformPrior({"C9": (3.0, 5.0)})


def say(*words):
    print(*words, flush=True)


def config(events, *, training=None):
    return PosteriorConfig.model_validate(
        {"prior": PRIOR.bounds, "events": events, "training": training or {}, "device": "cpu"}
    )


def sampler(*, reduced):
    """Independent events per CPU-s against effective events of EOS's chain."""
    simulator = BToKstarMuMu(flavour="B0bar")
    count = 100_000 if reduced else 2_000_000
    simulator.simulate({"C9": 4.27}, 1000, 0)
    began = time.process_time()
    simulator.simulate({"C9": 4.27}, count, 1)
    ours = count / (time.process_time() - began)
    chain = BToKstarMuMuMarkovChain(flavour="B0bar", **({"pre_N": 20, "preruns": 1} if reduced else {}))
    chain.simulate({"C9": 4.27}, 2, 0)  # loads EOS
    count = 20 if reduced else 600
    began = time.process_time()
    events = chain.simulate({"C9": 4.27}, count, 1)
    rate = count / (time.process_time() - began)
    tau = max(integrated_autocorrelation_time(events[name]) for name in events.schema.names)
    say(f"sampler {ours:.3g} events/CPU-s; chain {rate:.3g} events/CPU-s, autocorrelation time {tau:.2f}")
    return {"sampler_events_per_s": ours, "mcmc_events_per_s": rate, "mcmc_autocorrelation_time": tau,
            "sampler_vs_eos_mcmc": ours / (rate / tau)}  # fmt: skip


class Judge:
    """Mean KL from the exact posterior on test sets of N events."""

    def __init__(self, simulator, sets):
        rng = stream(77, "benchmark test sets")
        theta = PRIOR.sample(sets, rng)
        self.sets = simulator.simulate_sets(theta, N, rng)
        exact = ExactGrid(simulator, PRIOR)
        self.exact = [exact.density(matrix) for matrix in self.sets]

    def __call__(self, log_prob):
        """`log_prob(row, grid)` is the learned log-density of a set on its grid."""
        values = []
        for row, (grid, log_p) in enumerate(self.exact):
            p = np.exp(log_p)
            values.append(np.trapezoid(np.where(p > 0, p * (log_p - np.maximum(log_prob(row, grid), -50)), 0), grid))
        return float(np.mean(values))

    def widths(self):
        return np.array([moments(grid, log_p)[1] for grid, log_p in self.exact])


LADDER = ((2, 3, 1_000_000), (4, 4, 2_000_000), (8, 6, 5_000_000))
"""Epochs of the statistic, epochs of the flow, events of the flow: short trainings of ours for N = 1000."""


def ours_quick(judge, *, reduced):
    """CPU time and KL of short trainings of ours, from the shortest to the longest."""
    steps = []
    for statistic, flow, events in LADDER[:1] if reduced else LADDER:
        training = {"statistic": {"epochs": statistic}, "flow": {"epochs": flow, "events": events}}
        if reduced:
            training = {"statistic": {"epochs": 2, "steps_per_epoch": 20}, "flow": {"epochs": 2, "events": 500_000}}
        began = time.process_time()
        trained = train_posterior(config([N, N], training=training))
        spent = time.process_time() - began
        estimator = trained.estimator
        kl = judge(lambda row, grid: estimator.log_prob(grid[None, :, None], [judge.sets[row]])[0])  # noqa: B023
        say(f"ours: KL {kl:.4f} in {spent:.1f} CPU-s")
        steps.append((spent, kl))
    return steps


def sbi_best(simulator, judge, budget, *, reduced):
    """The best KL of sbi's stock DeepSet and trainer within a budget of CPU-s, and when it was reached."""
    from sbi.inference import NPE
    from sbi.neural_nets import posterior_nn
    from sbi.neural_nets.embedding_nets import FCEmbedding, PermutationInvariantEmbedding
    from sbi.utils import BoxUniform

    torch.manual_seed(1)
    rng = stream(1, "benchmark sbi")
    sets = 200 if reduced else 4000
    began = time.process_time()
    theta = PRIOR.sample(sets, rng)
    normaliser = Normaliser.fit(
        simulator.schema, "angular", simulator.simulate_sets(theta[:100], N, rng)[:, :100].reshape(-1, 4)
    )
    x = np.stack([normaliser(simulator.simulate_sets(row[None], N, rng)[0]) for row in theta])
    single = FCEmbedding(input_dim=len(normaliser), num_layers=2, num_hiddens=64, output_dim=64)
    embedding = PermutationInvariantEmbedding(single, trial_net_output_dim=64, aggregation_fn="sum", output_dim=32)
    build = posterior_nn("zuko_nsf", embedding_net=embedding, z_score_x="none", hidden_features=64, num_transforms=3)
    prior = BoxUniform(torch.tensor([3.0]), torch.tensor([5.0]))
    inference = NPE(prior, density_estimator=build, show_progress_bars=False)
    inference.append_simulations(torch.from_numpy(theta).float(), torch.from_numpy(x))
    spent = time.process_time() - began
    best, reached, epochs, idle = float("inf"), spent, 2, 0
    while spent < budget and idle < 5:
        began = time.process_time()
        net = inference.train(training_batch_size=50, max_num_epochs=epochs, resume_training=epochs > 2)
        spent += time.process_time() - began
        with torch.no_grad():
            inputs = [torch.from_numpy(normaliser(matrix))[None] for matrix in judge.sets]
            kl = judge(lambda row, grid: _sbi_log_prob(net, grid, inputs[row]))  # noqa: B023
        say(f"sbi: KL {kl:.4f} after {spent:.1f} CPU-s")
        idle += 1
        if kl < best - 1e-4 and (spent <= budget or reduced):
            best, reached, idle = kl, spent, 0
        if reduced or inference.epoch <= epochs:  # its own early stopping ended it
            break
        epochs += 3
    return best, reached


def _sbi_log_prob(net, grid, x):
    # Its density leaks out of the prior, as sbi's does: renormalised inside, as its posterior objects do.
    whole = np.linspace(3, 5, 401)  # it embeds the set anew for each point
    inside = net.log_prob(torch.from_numpy(whole).float()[:, None, None], x)[:, 0].double().numpy()
    return np.interp(grid, whole, inside - np.log(np.trapezoid(np.exp(inside), whole)))


def growth(*, reduced):
    """Exponent of the CPU time of training in N at a fixed number of sets."""
    sets = 200 if reduced else 1000
    sizes, costs = (200, 1000, 10_000), []
    for size in sizes:
        training = {
            "statistic": {"epochs": 1, "steps_per_epoch": 50},
            "flow": {"epochs": 1, "steps_per_epoch": 50, "events": sets * size},
        }
        began = time.process_time()
        train_posterior(config([size, size], training=training))
        costs.append(time.process_time() - began)
    say(f"training cost at N = {sizes}: {[round(cost, 2) for cost in costs]} CPU-s")
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def default_quality(*, reduced):
    """KL and width ratio of the default set encoder at N = 1000."""
    training = None
    if reduced:
        training = {
            "statistic": {"epochs": 1, "steps_per_epoch": 30},
            "flow": {"epochs": 1, "steps_per_epoch": 50, "events": 1_000_000},
        }
    trained = train_posterior(config([200, 10_000], training=training))
    (size,) = check(trained, sets=100 if reduced else 500, exact_sets=30 if reduced else 300, sizes=[N], seed=5).sizes
    say(
        f"default set encoder: {trained.cpu_seconds:.0f} CPU-s, KL {size.exact.kl:.4f}, width {size.exact.sd_ratio:.4f}"
    )
    return {"kl": size.exact.kl, "sd_ratio": size.exact.sd_ratio, "train_cpu_s": trained.cpu_seconds}


def main():
    options = speed_options(__doc__, words="a check of the shape: small sizes, meaningless ratios").parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    reduced = options.reduced
    simulator = BToKstarMuMu()
    found = sampler(reduced=reduced)
    judge = Judge(simulator, 20 if reduced else 100)
    steps = ours_quick(judge, reduced=reduced)
    longest, kl = steps[-1]
    best, reached = sbi_best(simulator, judge, 10 * longest, reduced=reduced)
    enough = [spent for spent, reached_kl in steps if reached_kl <= best]
    ratio = reached / enough[0] if enough else None
    found |= {
        "ours_cpu_s_and_kl": steps,
        "sbi_best_kl": best,
        "sbi_cpu_s": reached,
        "sbi_budget_cpu_s": 10 * longest,
        "train_vs_sbi": ratio,
        "train_vs_sbi_to_our_kl": ">= 10" if best > kl else reached / longest,
        "cost_growth": growth(reduced=reduced),
        **default_quality(reduced=reduced),
        "reduced": reduced,
        "commit": commit(),
        "versions": versions(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
