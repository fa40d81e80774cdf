"""What `stormdrain route-diff` is made of: a past, read; two cities that route it; what moves."""
