"""Reading documents that people write: YAML as untrusted text, every problem at once, in plain words.

Which fields a document has is said by the models in `spec`.
"""
