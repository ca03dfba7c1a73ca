"""Tests of the whole gateway against doubles of the hosted providers."""
