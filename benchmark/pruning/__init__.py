"""Masks that are exact, nested and never resurrect a weight, and the criteria that make them."""
