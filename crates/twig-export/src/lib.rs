//! Formats other than our own, written from a release.
