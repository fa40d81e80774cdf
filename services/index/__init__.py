"""All that the workers say -> the SQL read model: what the console and Open311's GETs can ask."""
