//! Records as the store keeps them: JSON, compressed.
//!
//! The first byte names the form, so that another can follow without rewriting what is stored.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// Raw deflate (RFC 1951).
const DEFLATED: u8 = 1;

/// What unpacks to more is no record of ours.
const MOST: u64 = 64 * 1024 * 1024;

/// The compressed form of a text.
pub(crate) fn pack(text: &str) -> Vec<u8> {
    let mut packed = Vec::with_capacity(text.len() / 2);
    packed.push(DEFLATED);
    let mut encoder = DeflateEncoder::new(packed, Compression::default());
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("writing into memory does not fail")
}

/// The text again; none when the bytes are of no form that is known here.
pub(crate) fn unpack(packed: &[u8]) -> Option<String> {
    let (DEFLATED, deflated) = packed.split_first().map(|(form, rest)| (*form, rest))? else {
        return None;
    };
    let mut text = String::new();
    let read = DeflateDecoder::new(deflated)
        .take(MOST)
        .read_to_string(&mut text);
    read.ok().map(|_| text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_takes_less_than_it_is_long() {
        let record = r#"{"CONTACT_ID":1,"EMAIL_ADDRESS":null,"PHONE":null}"#.repeat(20);

        assert!(pack(&record).len() * 5 < record.len());
    }

    #[test]
    fn what_is_damaged_or_of_another_form_is_no_text() {
        let mut packed = pack("{}");
        packed[0] = 99;

        assert_eq!(unpack(&packed), None);
        assert_eq!(unpack(&[]), None);
        assert_eq!(unpack(&[DEFLATED, 0xff, 0xff, 0xff]), None);
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in ".*") {
            prop_assert_eq!(unpack(&pack(&text)), Some(text));
        }
    }
}
