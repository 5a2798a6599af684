"""The user's files: read and watched without ever waiting for long, and PEM as people keep it."""
