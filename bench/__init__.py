"""Measurements that anybody can run again: what the documentation states comes from here."""
