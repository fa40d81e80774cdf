"""The read model: SQL tables that `index` folds from the topics, and that `receive` and `review` ask."""
