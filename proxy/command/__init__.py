"""What a person types and reads: arguments, configuration found, banner, inquiries."""
