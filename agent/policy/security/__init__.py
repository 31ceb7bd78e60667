"""Rules on security by name: what comes from outside, and where it must not arrive unchecked."""
