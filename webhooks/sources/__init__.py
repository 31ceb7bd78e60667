"""One module per sender of deliveries; pure: bytes in, a record or a refusal out."""
