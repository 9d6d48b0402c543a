"""Readers of public data sets on a user's own copy: one file per layout, which its first line names."""
