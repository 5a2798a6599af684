"""What the platform says: the client, its answers as values, and each way to fail."""
