"""The Studio: a page at /studio to clone, speak and look, made of files in `assets/` without a build step."""
