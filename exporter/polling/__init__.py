"""When, what and by whom the platform is polled."""
