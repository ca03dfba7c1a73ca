"""Writers of the files that a rendered script becomes."""
