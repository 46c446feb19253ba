"""Where jobs run: the protocol of an executor, the executors, and one reason for every failure.

No executor looks into a state or a score; it starts, watches and ends programs.
"""
