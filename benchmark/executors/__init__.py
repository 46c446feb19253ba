"""Where jobs run: the protocol of an executor, the executors, and one reason for every failure.

An executor starts, watches and ends programs. It reads no state and no score.
"""
