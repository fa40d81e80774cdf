"""Encoders: transformers whose weights come from elsewhere, with a head that is learnt on a town's own past."""
