"""The latest of every task and account, and the text of /metrics."""
