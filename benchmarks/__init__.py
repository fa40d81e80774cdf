"""How fast Stormdrain is and what it costs: seeded, on the embedded broker, one JSON line each; docs/performance.md."""
