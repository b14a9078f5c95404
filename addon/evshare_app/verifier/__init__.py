"""The stand-alone verifier. It shares no code with the app."""
