"""Tests of the first contact with a platform."""
