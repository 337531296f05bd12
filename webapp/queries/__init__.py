"""What views and the API read from the records and from artefacts."""
