"""Files: replaced as a whole, so that no reader sees a part; read within bounds, so that no file blocks a reader.

It knows no format and no path of the benchmark.
"""
