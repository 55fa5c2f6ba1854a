"""Who may do what: credentials, roles and scopes."""
