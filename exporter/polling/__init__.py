"""The polling: which tasks are polled, when, and by which of several exporters."""
