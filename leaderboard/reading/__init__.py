"""Reading what a board is made of: records with valid signatures, files beside them, and a cache of parsed records.

It ranks nothing and draws nothing.
"""
