"""Reading trained models: checked weights, masks derived again, features, references and maps, on any device.

What a number means is decided in `metrics` and `probes`.
"""
