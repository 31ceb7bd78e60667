"""The service: decisions on deliveries, and the order of runs."""
