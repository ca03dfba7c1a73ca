"""ffmpeg, and files of sound."""
