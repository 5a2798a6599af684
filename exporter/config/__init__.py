"""What the operator says: settings, their values, where they come from, and their faults."""
