"""Measures SubspacePath and other engines in turn, on the same files and the same tokens."""
