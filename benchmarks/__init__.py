"""Side-by-side measurements, ours against the peers; nothing of the product imports them."""
