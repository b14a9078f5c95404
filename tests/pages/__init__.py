"""Looks at the doors' pages in Chromium as people meet them: how heavy, how many requests, what axe-core finds."""
