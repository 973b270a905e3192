"""What a contributor's machine runs around the program: build, check, test. Not part of the program."""
