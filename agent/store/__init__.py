"""What is kept in databases: the inbox, runs, and what the steps of each run returned."""
