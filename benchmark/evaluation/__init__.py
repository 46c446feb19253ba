"""The road from a request to a record: prepare, train, score, build the record; and what it will cost.

It does not know how a job is run (`executors`) or how a state is kept (`store`).
"""
