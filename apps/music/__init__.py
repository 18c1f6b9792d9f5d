"""Music: nothing, a melody or an opening in, a piece in several voices out."""
