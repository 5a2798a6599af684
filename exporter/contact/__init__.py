"""First contact with a platform: the calls, what they found, the verdict, and the file that others can learn from."""
