"""What came of a run of the poisoning lab, as charts and tables for people."""
