//! Asking teachers: the answer store, the wrappers every teacher goes through, and the stack that orders them
