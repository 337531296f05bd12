"""The signed history of every artefact: what was done to it, by whom, and proof that it is still what it was."""
