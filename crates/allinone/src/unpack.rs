//! Bodies that come compressed.

use std::io::Read as _;

use flate2::read::GzDecoder;

/// What unpacks to more is no notification of ours.
const MOST: u64 = 64 * 1024 * 1024;

/// The JSON of a compressed body; none when it is damaged.
pub(crate) fn unpack(body: &[u8]) -> Option<Vec<u8>> {
    let mut json = Vec::new();
    let read = GzDecoder::new(body).take(MOST).read_to_end(&mut json);
    read.ok().map(|_| json)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_was_compressed_is_unpacked_and_what_is_damaged_is_not() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"{}").unwrap();
        let packed = encoder.finish().unwrap();

        assert_eq!(unpack(&packed).as_deref(), Some(b"{}".as_slice()));
        assert_eq!(unpack(&packed[..packed.len() - 9]), None);
    }
}
