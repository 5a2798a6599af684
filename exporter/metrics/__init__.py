"""What is kept of the tasks, and how it stands on /metrics."""
