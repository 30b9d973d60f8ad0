"""Models from the Hugging Face hub, and the list of those on this machine."""
