"""What outlives a restart: the tasks and accounts of the store, kept in an SQLite file."""
