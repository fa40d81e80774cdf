"""What `stormdrain try` is made of: reading rows and events, filling what is missing, one worker, flat lines out."""
