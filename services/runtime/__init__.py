"""What the workers share: the transactional loop, and what an operator sees of it. It knows no worker."""
