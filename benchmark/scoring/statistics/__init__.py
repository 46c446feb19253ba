"""Statistics over models and test examples: intervals, and splits of a population into halves.

Pure numpy and scipy; it knows no metric and no file.
"""
