"""The schemas of answers, for the document alone: answers are built without them."""
