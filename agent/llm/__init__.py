"""Models over the network: providers through pydantic-ai; tries and chain are ours."""
