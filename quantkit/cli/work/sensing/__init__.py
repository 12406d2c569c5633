"""The work of `quantkit sensitivity`: what each layer costs."""
