//! Where an MQTT packet begins and ends, and whether its announced size is allowed, before anything is kept of it.
//!
//! Reads the fixed header only (MQTT 3.1.1 section 2.2, MQTT 5 section 2.1); the bodies are the codec's work.

/// A packet type that a device may send to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Publish,
    Puback,
    Subscribe,
    Unsubscribe,
    Pingreq,
    Disconnect,
}

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// The fixed header is not complete yet.
    Incomplete,
    /// A packet of `header + body` bytes.
    Packet {
        kind: Kind,
        flags: u8,
        header: usize,
        body: usize,
    },
    /// A packet that no device may send here, or flags that its type does not have.
    NotAllowed,
    /// A length that is no MQTT length.
    Malformed,
}

/// Reads the fixed header at the start of `bytes`.
pub(super) fn head(bytes: &[u8]) -> Head {
    let Some(&first) = bytes.first() else {
        return Head::Incomplete;
    };
    let flags = first & 0x0f;
    let kind = match (first >> 4, flags) {
        (1, 0) => Kind::Connect,
        (3, _) => Kind::Publish,
        (4, 0) => Kind::Puback,
        (8, 2) => Kind::Subscribe,
        (10, 2) => Kind::Unsubscribe,
        (12, 0) => Kind::Pingreq,
        (14, 0) => Kind::Disconnect,
        _ => return Head::NotAllowed,
    };
    let mut body = 0_usize;
    for (index, &byte) in bytes.iter().skip(1).take(4).enumerate() {
        body |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Head::Packet {
                kind,
                flags,
                header: index + 2,
                body,
            };
        }
        if index == 3 {
            return Head::Malformed;
        }
    }
    Head::Incomplete
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_one_to_four_bytes_are_read() {
        let packet = |header, body| Head::Packet {
            kind: Kind::Publish,
            flags: 2,
            header,
            body,
        };
        assert_eq!(head(&[0x32, 0x7f]), packet(2, 127));
        assert_eq!(head(&[0x32, 0x80, 0x01]), packet(3, 128));
        assert_eq!(head(&[0x32, 0x80, 0x80, 0x10]), packet(4, 262_144));
        assert_eq!(head(&[0x32, 0xff, 0xff, 0xff, 0x7f]), packet(5, 268_435_455));
    }

    #[test]
    fn a_header_cut_anywhere_is_incomplete() {
        for bytes in [&[][..], &[0x32], &[0x32, 0x80], &[0x32, 0xff, 0xff, 0xff]] {
            assert_eq!(head(bytes), Head::Incomplete);
        }
        assert_eq!(head(&[0x32, 0xff, 0xff, 0xff, 0xff]), Head::Malformed);
    }

    #[test]
    fn packets_that_only_servers_send_are_not_allowed() {
        for first in [
            0x00, 0x20, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xf0, 0x80, 0x11, 0xc1,
        ] {
            assert_eq!(head(&[first, 0]), Head::NotAllowed, "{first:#x}");
        }
    }
}
