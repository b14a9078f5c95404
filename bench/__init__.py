"""Benchmarks: figures of the whole running system. They print and judge nothing; tests never run them."""
