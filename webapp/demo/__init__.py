"""`make demo`: the whole product on simulated brain MRI, from nothing."""
