"""Builds the documentation: hooks of the site generator, pages that are written from the code, and checks."""
