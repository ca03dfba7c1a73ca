"""An operator's own judgement of texts, asked before they are spoken."""
