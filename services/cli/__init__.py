"""The command line: one module a verb, gathered in `main`."""
