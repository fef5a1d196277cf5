"""The files of retrieved segments."""

KIND = "segments"  # of the artefact
