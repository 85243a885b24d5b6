//! The only place with Arrow and Parquet: schemas, writers, readers, manifest, card, verify
