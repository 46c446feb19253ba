"""Training as many jobs: which are left, how many run at once, in which order, how far they are, and how long it takes.

It does not decide what is evaluated (`evaluation`) or where a job runs (`executors`).
"""
