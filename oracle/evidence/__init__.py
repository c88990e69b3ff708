"""What was seen, kept: bytes by their SHA-256, written before anything is concluded from them."""
