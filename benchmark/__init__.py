"""Forget-Me-Not: how robust are learned representations when the network is pruned?"""

__version__ = "0.1.0"
