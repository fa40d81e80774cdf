"""The whole pipeline, from receive's topic to the departments' topics: Stormdrain beside the same cores elsewhere."""
