"""The edge: where states are kept, how jobs run, what a failure means, and the road from a request to a record."""
