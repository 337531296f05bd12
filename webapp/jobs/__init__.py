"""Durable jobs: the truth lies in SQL, an engine carries nothing but tickets."""
