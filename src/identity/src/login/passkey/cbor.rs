//! Answers whether an authenticator's CBOR has the same meaning for every parser.
//!
//! Of two members with the same label the WebAuthn library reads the last one, other parsers the first one
//! (RFC 8949 section 5.6). So a map must have each label once. Labels must be in their shortest form, as the
//! CTAP2 canonical CBOR encoding form demands (CTAP 2.2 section 8), or the same label could be encoded in two
//! ways. Nothing may follow the item, and nothing may nest deeper than that form allows.

use std::collections::BTreeSet;

/// CTAP 2.2 section 8: "The depth of nested CBOR structures ... is limited to at most four (4) levels".
const MAX_DEPTH: usize = 4;
/// Hash of the `rpId`, flags and counter (WebAuthn level 3 section 6.1).
const AUTHENTICATOR_DATA_FIXED_LENGTH: usize = 37;
const FLAGS_OFFSET: usize = 32;
const FLAG_ATTESTED_CREDENTIAL_DATA: u8 = 0x40;
const FLAG_EXTENSION_DATA: u8 = 0x80;
const AAGUID_LENGTH: usize = 16;
/// The label `authData` of an attestation object.
const AUTH_DATA_LABEL: &[u8] = b"\x68authData";

/// Whether an attestation object (WebAuthn level 3 section 6.5.4) is unambiguous, its key included.
pub(super) fn unambiguous_attestation(object: &[u8]) -> bool {
    authenticator_data(object).is_some_and(unambiguous_authenticator_data)
}

/// The AAGUID in an attestation object (WebAuthn level 3 section 6.5.1): the model of the authenticator.
pub(super) fn attested_aaguid(object: &[u8]) -> Option<[u8; AAGUID_LENGTH]> {
    authenticator_data(object)?.get(AUTHENTICATOR_DATA_FIXED_LENGTH..)?.first_chunk().copied()
}

/// The authenticator data of an attestation object.
fn authenticator_data(object: &[u8]) -> Option<&[u8]> {
    let (members, []) = read_map(object, MAX_DEPTH)? else { return None };
    let (_, value) = members.into_iter().find(|(label, _)| *label == AUTH_DATA_LABEL)?;
    Head::read(value).filter(|head| head.major == 2).map(|head| head.rest)
}

/// Whether authenticator data (WebAuthn level 3 section 6.1) is unambiguous.
pub(super) fn unambiguous_authenticator_data(data: &[u8]) -> bool {
    skip_authenticator_data(data).is_some_and(<[u8]>::is_empty)
}

/// The bytes that follow the authenticator data; none if the data is not valid.
fn skip_authenticator_data(data: &[u8]) -> Option<&[u8]> {
    let (fixed, mut rest) = data.split_at_checked(AUTHENTICATOR_DATA_FIXED_LENGTH)?;
    if fixed[FLAGS_OFFSET] & FLAG_ATTESTED_CREDENTIAL_DATA != 0 {
        let (length, id) = rest.get(AAGUID_LENGTH..)?.split_first_chunk::<2>()?;
        let key = id.get(usize::from(u16::from_be_bytes(*length))..)?;
        rest = read_map(key, MAX_DEPTH)?.1;
    }
    if fixed[FLAGS_OFFSET] & FLAG_EXTENSION_DATA != 0 {
        rest = read_map(rest, MAX_DEPTH)?.1;
    }
    Some(rest)
}

/// The head of an item (RFC 8949 section 3).
struct Head<'b> {
    major: u8,
    argument: u64,
    /// Whether the argument has its shortest form.
    shortest: bool,
    rest: &'b [u8],
}

impl<'b> Head<'b> {
    /// None for indefinite lengths, which CTAP2 does not have.
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        let (major, short) = (first >> 5, first & 0x1f);
        let (length, least) = match short {
            0..24 => return Some(Self { major, argument: short.into(), shortest: true, rest }),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return None,
        };
        let (argument, rest) = rest.split_at_checked(length)?;
        let argument = argument.iter().fold(0, |argument, byte| argument << 8 | u64::from(*byte));
        Some(Self { major, argument, shortest: argument >= least, rest })
    }
}

/// The bytes that follow an item; none if the item is not valid.
fn skip_item(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let Head { major, argument, rest, .. } = Head::read(bytes)?;
    match major {
        0 | 1 | 7 => Some(rest),
        2 | 3 => rest.get(usize::try_from(argument).ok()?..),
        4 => {
            let depth = depth.checked_sub(1)?;
            (0..argument).try_fold(rest, |rest, _| skip_item(rest, depth))
        }
        5 => read_map(bytes, depth).map(|(_, rest)| rest),
        // CTAP 2.2 section 8: tags must not be present.
        _ => None,
    }
}

/// Encoded labels and values.
type Members<'b> = Vec<(&'b [u8], &'b [u8])>;

/// The members of a map, each label once, and the bytes that follow the map.
fn read_map(bytes: &[u8], depth: usize) -> Option<(Members<'_>, &[u8])> {
    let Head { argument: pairs, mut rest, .. } = Head::read(bytes).filter(|head| head.major == 5)?;
    let depth = depth.checked_sub(1)?;
    let (mut labels, mut members) = (BTreeSet::new(), Vec::new());
    for _ in 0..pairs {
        Head::read(rest).filter(|label| label.shortest && label.major < 4)?;
        let value = skip_item(rest, depth)?;
        let label = &rest[..rest.len() - value.len()];
        if !labels.insert(label) {
            return None;
        }
        rest = skip_item(value, depth)?;
        members.push((label, &value[..value.len() - rest.len()]));
    }
    Some((members, rest))
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, read_map, skip_item, unambiguous_attestation, unambiguous_authenticator_data};

    fn whole(bytes: &[u8]) -> bool {
        skip_item(bytes, MAX_DEPTH).is_some_and(<[u8]>::is_empty)
    }

    #[test]
    fn a_map_has_each_label_once_in_its_shortest_form() {
        for good in
            [&b"\xa0"[..], b"\xa2\x01\x02\x03\x26", b"\xa2\x61x\x01\x61y\x02", b"\xa1\x41x\xf9\x00\x00"]
        {
            assert!(whole(good), "{good:x?}");
        }
        for bad in [
            // Duplicate labels, at the top and nested.
            &b"\xa2\x01\x02\x01\x02"[..],
            b"\xa1\x61x\xa2\x61y\x01\x61y\x02",
            // -3, and -3 in two bytes.
            b"\xa2\x22\x01\x38\x02\x01",
            b"\xa1\x38\x02\x01",
            // An array as a label, a tag, indefinite lengths.
            b"\xa1\x80\x01",
            b"\xc0\x01",
            b"\xbf\x01\x02\xff",
            b"\x9f\xff",
            // Truncated items.
            b"\xa1\x01",
            b"\x42x",
            b"\x18",
            b"",
        ] {
            assert!(!whole(bad), "{bad:x?}");
        }
    }

    #[test]
    fn nothing_costs_more_than_its_size() {
        assert!(!whole(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"));
        assert!(!whole(b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"));
        assert!(!whole(&vec![0x81; 60_000]), "nested without end");
        assert!(whole(b"\x81\x81\x81\x81\x00") && !whole(b"\x81\x81\x81\x81\x81\x00"));
        assert!(read_map(b"\x01", MAX_DEPTH).is_none());
    }

    #[test]
    fn what_is_no_authenticator_data_is_not_read() {
        assert!(unambiguous_authenticator_data(&[0; 37]));
        for bad in [&[0; 36][..], &[0; 38], &[0xff; 37], &[0xff; 60]] {
            assert!(!unambiguous_authenticator_data(bad));
        }
        assert!(!unambiguous_attestation(b"\xa0") && !unambiguous_attestation(b"\xa1\x68authData\x01"));
    }
}
