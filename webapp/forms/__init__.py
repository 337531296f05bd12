"""The forms of the pages, one module a subject."""
