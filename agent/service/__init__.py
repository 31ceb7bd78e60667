"""The service: what deliveries become, and which run goes on when."""
