"""A write-ahead journal of paid calls to hosted providers. A kill or a lost response loses track of none of them."""
