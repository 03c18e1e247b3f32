"""What a document, an example and a manifest are: Arrow schemas and their validation."""
