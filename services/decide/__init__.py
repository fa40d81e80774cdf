"""requests.prioritized.v1, reviews.made.v1 -> cases.<department>.v1, drafts.held.v1: release, or hold for a person."""
