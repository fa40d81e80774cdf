"""What a text says besides its category, by plain rules and word lists that anybody can read and extend."""
