"""The Flask application: pages, JSON API, records and jobs."""
