"""Files: the user's, read and watched without ever waiting for long, and PEM as people keep it; and those that come with the program."""
