"""cases.<department>.v1 -> deliveries.made.v1: each case exactly once into its department's system."""
