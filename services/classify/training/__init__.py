"""Learning a model from a town's past requests, or from its categories' phrases alone. Needs the `train` extra."""
