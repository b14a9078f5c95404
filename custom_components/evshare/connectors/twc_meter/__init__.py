"""The meter of Tesla's Dynamic Power Management, played by us: the limit port of a Tesla Wall Connector Gen 3.

The wall connector is the Modbus master on its RS485 line and asks a meter about once a second how much the house draws;
what the meter leaves of the conductor limit it offers to the car (connectors reference 1.5 b). A throttle, not a lock.
"""
