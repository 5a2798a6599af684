"""The platform's API: the client, its responses as values, and each way to fail."""
