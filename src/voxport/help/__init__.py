"""The documentation at /help: a site that `make docs` builds into `site/`."""
