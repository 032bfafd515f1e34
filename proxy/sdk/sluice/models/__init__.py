"""What is known of models without asking anybody: prices, lengths, abilities, providers. The gateway's own tables."""
