"""Reads EPUB 2 and 3 (https://www.w3.org/TR/epub-33/): the zip, the package document, and the text of the chapters."""
