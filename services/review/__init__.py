"""drafts.held.v1, by way of the read model -> reviews.made.v1: a person approves, corrects, rejects or unlinks."""
