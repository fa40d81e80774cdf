"""`stormdrain chaos`: a town under faults, and a verifier that knows every report."""
