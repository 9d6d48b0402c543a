"""Where detection meets fusion to learn: the network improves on what several views agree on."""
