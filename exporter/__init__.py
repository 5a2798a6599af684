"""Prometheus exporter for the outbound-call campaigns of the Yunfu (telrobot) platform."""

__version__ = "0.1.0"
