"""Networks and the one loop that trains them [torch].

Use `ConditionalFlow` for a density of parameters given a summary, `EventNetwork` for a statistic of single
events, and `train` for anything that has a `loss`.
"""
