"""A model, from its directory to the answers it gives."""
