"""The stand-ins for trying and testing: the simulator of the platform and the programs around the exporter."""
