"""Trainers and the scorer in containers: the engine, what a container is denied, its images and its second clock.

Only `engine` knows the Docker SDK.
"""
