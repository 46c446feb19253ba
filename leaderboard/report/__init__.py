"""The report: the founding study's four claims, tested on every board that exists.

It owns what is tested, how a test becomes a verdict, and the words. It draws nothing and reads no file.
"""
