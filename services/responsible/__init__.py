"""Who is probably responsible for a report, by a town's past: a calibrated ranking, served with numpy alone."""
