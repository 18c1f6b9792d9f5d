"""Captioning: from the bytes of a picture to a sentence, with the place it looked at for each word."""
