"""Stand-ins for the outside world: embedded broker, sandbox CRM, synthetic storm."""
