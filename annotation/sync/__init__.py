"""The annotation server: records go there, people's answers come back; nothing else imports argilla."""
