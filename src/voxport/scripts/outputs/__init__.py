"""Writers of what is made of a spoken script. They know files and audio, no database."""
