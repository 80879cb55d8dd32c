//! System tests: the rig, the receiver, the ledger, real processes.
