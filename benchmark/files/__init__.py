"""Files: written so that a reader never sees a part, and read so that a stranger's file cannot block or flood.

It knows no format and no path of the benchmark.
"""
