"""What a link means: pure resolvers that ask questions and are sent answers."""
