"""What the application remembers: accounts, artefacts, screenings and jobs, as SQL rows."""
