"""What a node keeps: requests, dossiers, observations, decisions, signatures. Append-only; SQLite by default."""
