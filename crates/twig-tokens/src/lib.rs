//! Image tokenizers, text tokenizers, and the layout of token sequences
