"""All ten workers on one machine: how many reports a second, how soon, lost or doubled, and what each worker costs."""
