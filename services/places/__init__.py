"""Where things are: areas, addresses and assets of a city, asked for whole batches of points."""
