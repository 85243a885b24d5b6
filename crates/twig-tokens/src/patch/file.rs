//! The file of a [`PatchCodebook`], little-endian throughout:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `TWIGPCB1` |
//! | 2, 2 | number of features d (a multiple of 8, 8 to 64), number of codes n without code 0 (1 to 16,383) |
//! | 3, 1 | placeholder colour, a zero |
//! | 768 | mean patch |
//! | d · 768 · 2 | rows of the projection, `i16` times 8,192 |
//! | n · d · 2 | codes, `i16` times 2 |
//! | 32 | BLAKE3 of everything before |

use twig_imaging::Rgb;

use super::{
    PATCH_LEN, Patch,
    codebook::{CodebookError, MAX_CODES, MAX_FEATURES, PatchCodebook},
    nearest::CHUNK,
};

const MAGIC: &[u8; 8] = b"TWIGPCB1";
const HEADER_LEN: usize = 16;
const HASH_LEN: usize = 32;

impl PatchCodebook {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((self.num_features() as u16).to_le_bytes());
        bytes.extend(((self.num_codes() - 1) as u16).to_le_bytes());
        bytes.extend(self.placeholder.0);
        bytes.push(0);
        bytes.extend_from_slice(self.mean.as_slice());
        bytes.extend(self.basis.iter().chain(&self.codes).flat_map(|number| number.to_le_bytes()));
        let hash = blake3::hash(&bytes);
        bytes.extend(hash.as_bytes());
        bytes
    }

    /// Reads the bytes of a file and checks everything that encoding relies on.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodebookError> {
        if !bytes.starts_with(MAGIC) {
            return Err(CodebookError::Magic);
        }
        let too_short = CodebookError::Length { found: bytes.len(), wanted: HEADER_LEN };
        let (header, _) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(too_short)?;
        let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let (num_features, num_codes) = check_header(number(8), number(10), header[15])?;

        let basis_len = num_features * PATCH_LEN * 2;
        let body_len = HEADER_LEN + PATCH_LEN + basis_len + num_codes * num_features * 2;
        let length = CodebookError::Length { found: bytes.len(), wanted: body_len + HASH_LEN };
        if bytes.len() != body_len + HASH_LEN {
            return Err(length);
        }
        let (body, hash) = bytes.split_at(body_len);
        if blake3::hash(body).as_bytes() != hash {
            return Err(CodebookError::Hash);
        }
        let (mean, numbers) = body[HEADER_LEN..].split_first_chunk::<PATCH_LEN>().ok_or(length)?;
        let mean: Box<Patch> = Box::new(*mean);
        let (basis, codes) = numbers.split_at(basis_len);
        let placeholder = Rgb([header[12], header[13], header[14]]);
        let codebook = Self { placeholder, mean, basis: numbers_of(basis), codes: numbers_of(codes) };
        codebook.check()?;
        Ok(codebook)
    }
}

fn check_header(num_features: u16, num_codes: u16, reserved: u8) -> Result<(usize, usize), CodebookError> {
    let header = |field, found, accepted| CodebookError::Header { field, found, accepted };
    let (features, codes) = (usize::from(num_features), usize::from(num_codes));
    if features % CHUNK != 0 || features == 0 || features > MAX_FEATURES {
        return Err(header("number of features", num_features.into(), "a multiple of 8 from 8 to 64"));
    }
    if codes == 0 || codes > MAX_CODES {
        return Err(header("number of codes", num_codes.into(), "1 to 16383"));
    }
    if reserved != 0 {
        return Err(header("the reserved byte", reserved.into(), "0"));
    }
    Ok((features, codes))
}

fn numbers_of(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::{
        FitSettings, ImageTokenizer, PatchTokenizer, fit_patch_codebook, patch::test_pictures::picture,
    };
    use proptest::prelude::*;
    use twig_imaging::RgbImage;

    static SMALL_FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let settings = FitSettings {
            num_codes: 20,
            num_features: 8,
            rounds: 1,
            max_patches: 500,
            ..FitSettings::default()
        };
        fit_patch_codebook((0..2).map(picture), &settings).unwrap().to_bytes()
    });

    static PICTURE: LazyLock<RgbImage> = LazyLock::new(|| picture(9));

    /// The same file with some bytes changed and a hash that fits.
    fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut file = SMALL_FILE.clone();
        file.truncate(file.len() - HASH_LEN);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let hash = blake3::hash(&file);
        file.extend(hash.as_bytes());
        file
    }

    fn refused(bytes: &[u8]) -> CodebookError {
        PatchCodebook::from_bytes(bytes).unwrap_err()
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let file = SMALL_FILE.clone();
        assert_eq!(refused(b""), CodebookError::Magic);
        assert_eq!(refused(b"\x89PNG\r\n\x1a\n and so on"), CodebookError::Magic);
        assert_eq!(refused(&file[..12]), CodebookError::Length { found: 12, wanted: 16 });
        let (found, wanted) = (file.len() - 1, file.len());
        assert_eq!(refused(&file[..found]), CodebookError::Length { found, wanted });
        let mut flipped = file.clone();
        flipped[1_000] ^= 1;
        assert_eq!(refused(&flipped), CodebookError::Hash);

        let said = |at, bytes: &[u8]| refused(&changed(at, bytes)).to_string();
        assert_eq!(said(8, &[9, 0]), "number of features is 9, which is not a multiple of 8 from 8 to 64");
        assert_eq!(said(10, &[0, 0]), "number of codes is 0, which is not 1 to 16383");
        assert_eq!(said(15, &[1]), "the reserved byte is 1, which is not 0");
        let basis = HEADER_LEN + PATCH_LEN;
        assert_eq!(said(basis, &[0xff, 0x7f]), "rows 0 and 0 of the projection are not orthonormal");
        let codes = basis + 8 * PATCH_LEN * 2;
        assert_eq!(said(codes, &[0xff, 0x7f]), "code 1 lies outside the space of patches");
    }

    #[test]
    fn a_code_that_looks_like_another_is_refused_by_the_tokenizer() {
        let codes = HEADER_LEN + PATCH_LEN + 8 * PATCH_LEN * 2;
        let first_code = &SMALL_FILE[codes..codes + 16];
        let codebook = PatchCodebook::from_bytes(&changed(codes + 16, first_code)).unwrap();
        assert_eq!(PatchTokenizer::new(codebook).err(), Some(CodebookError::Ambiguous { id: 2 }));
    }

    proptest! {
        #[test]
        fn changed_bytes_are_an_error_or_a_codebook_and_never_a_panic(
            at in 8usize..12_000,
            bytes in prop::collection::vec(any::<u8>(), 1..64),
        ) {
            if let Ok(codebook) = PatchCodebook::from_bytes(&changed(at, &bytes))
                && let Ok(tokenizer) = PatchTokenizer::new(codebook)
            {
                prop_assert!(tokenizer.encode(&PICTURE).is_ok());
            }
        }
    }
}
