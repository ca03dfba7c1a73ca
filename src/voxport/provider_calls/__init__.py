"""Paid calls at hosted providers, written down before they are made, so that a kill or a lost answer loses none."""
