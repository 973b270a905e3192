"""The surfaces of the bank: GraphQL, REST, websockets, and the web app's files."""
