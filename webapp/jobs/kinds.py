"""The product's own kinds of job."""
