"""The operations, one module per area of GitHub's API; each fills an `Operations` named `api`."""
