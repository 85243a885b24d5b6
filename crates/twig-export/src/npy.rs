//! NumPy's file format, version 1.0, for the one type that is needed: 32-bit integers in little-endian order.

/// The bytes of a `.npy` file with these values in row-major order.
pub(crate) fn int32(shape: &[usize], values: impl ExactSizeIterator<Item = i32>) -> Vec<u8> {
    debug_assert_eq!(shape.iter().product::<usize>(), values.len());
    let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let mut header = format!("{{'descr': '<i4', 'fortran_order': False, 'shape': ({shape}), }}");
    // The values begin at a multiple of 64 bytes, after the magic, two bytes of version and two of length.
    let begin = (10 + header.len() + 1).next_multiple_of(64);
    header.push_str(&" ".repeat(begin - 10 - header.len() - 1));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.flat_map(i32::to_le_bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_ends_at_a_multiple_of_64() {
        let bytes = int32(&[1, 3], [1, -1, 258].into_iter());
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let header = std::str::from_utf8(&bytes[10..128]).unwrap();
        assert_eq!(header.trim_end(), "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 3, ), }");
        assert_eq!(&bytes[128..], [1, 0, 0, 0, 255, 255, 255, 255, 2, 1, 0, 0]);
    }
}
