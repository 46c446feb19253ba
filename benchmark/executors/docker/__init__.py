"""Trainers and the scorer in containers: the engine, limits, images, mounts and the watchdog.

Only `engine` uses the Docker SDK.
"""
