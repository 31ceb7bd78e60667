"""The file a repository commits to say how it wants to be worked on; a leaf, pure."""
