"""Rules, notifications and runbook, and what writes the rules for other programs."""
