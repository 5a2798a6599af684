"""A stand-in for the platform: the same endpoints, campaigns that progress, faults on request.

It shares no code with the exporter, so that it is an independent check of it.
"""

from exporter.demo.simulator.faults import Fault
from exporter.demo.simulator.platform import SimulatedAccount, SimulatedTask
from exporter.demo.simulator.simulator import Simulator, SimulatorOptions

incident = Simulator.incident
truth = Simulator.truth

__all__ = ["Fault", "SimulatedAccount", "SimulatedTask", "Simulator", "SimulatorOptions", "incident", "truth"]
