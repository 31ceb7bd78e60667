"""Rules on web endpoints: who may call them, and what they answer."""
