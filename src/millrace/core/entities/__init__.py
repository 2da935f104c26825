"""The nouns of the platform, as frozen structs that are also their own wire form."""
