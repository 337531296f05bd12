"""The gate: classifier and detector as one compiled graph, and the decisions it takes."""
