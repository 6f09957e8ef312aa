"""The in-process server behind the connector: its wires and what speaks HTTP over them."""
