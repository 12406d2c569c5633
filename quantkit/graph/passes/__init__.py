"""Small rewrites that `prepare` runs in order; each changes a draft and keeps what the model computes."""
