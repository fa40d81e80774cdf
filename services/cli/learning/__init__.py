"""What `stormdrain learn-routes` makes of a town's past: rules to review, and a model that ranks who is responsible."""
