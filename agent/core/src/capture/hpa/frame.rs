//! HPA frames: a length of two bytes, the higher first, then so many bytes of `<SIP>…</SIP>`.
//!
//! A frame is believed only where its length is followed by `<SIP>`; and where another `<SIP>` stands inside one before
//! its `</SIP>`, the first was cut and the second begins. So no garbage can swallow a later frame.

use zeroize::{Zeroize as _, Zeroizing};

use crate::capture::noise::Noise;

const OPEN: &[u8] = b"<SIP>";
const CLOSE: &[u8] = b"</SIP>";

/// Length and opening tag: what tells a frame's beginning.
const HEAD_LEN: usize = 2 + OPEN.len();

/// Full size at once: a buffer that grows leaves copies of card data behind.
const BUFFER_LEN: usize = 2 + u16::MAX as usize;

/// What the framer found.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed {
    /// A whole frame: the XML. May hold card data.
    Whole(Zeroizing<Vec<u8>>),
    /// A frame that did not end as one.
    Torn,
    /// Much has passed, and no frame.
    Noise,
}

/// Cuts one direction of a connection into frames. Any split of the same bytes gives the same frames.
#[derive(Debug, Default)]
pub struct Framer {
    /// Bytes of a frame that has begun, or that may be the head of one.
    held: Zeroizing<Vec<u8>>,
    noise: Noise,
}

impl Framer {
    /// Takes bytes as they come and returns the frames that they completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Framed> {
        let mut found = Vec::new();
        for byte in bytes {
            if self.held.capacity() < BUFFER_LEN {
                self.held.reserve_exact(BUFFER_LEN);
            }
            self.held.push(*byte);
            if self.held.len() > HEAD_LEN {
                self.inside(&mut found);
            } else {
                self.head(&mut found);
            }
        }
        found
    }

    /// The connection ended, or bytes were missed; what was begun is torn.
    pub fn end(&mut self) -> Option<Framed> {
        let begun = self.held.len() >= HEAD_LEN;
        self.held.zeroize();
        begun.then_some(Framed::Torn)
    }

    /// Drops bytes from the front until what is held can be a head.
    fn head(&mut self, found: &mut Vec<Framed>) {
        while let Some(tag) = self.held.get(2..)
            && !OPEN.starts_with(tag)
        {
            self.held.remove(0);
            if self.noise.skip() {
                found.push(Framed::Noise);
            }
        }
    }

    fn inside(&mut self, found: &mut Vec<Framed>) {
        let (held, len) = (
            &self.held,
            usize::from(u16::from_be_bytes([self.held[0], self.held[1]])),
        );
        if held.ends_with(OPEN) {
            // the one that had begun was cut; this one's length stands in the two bytes before its tag
            found.push(Framed::Torn);
            let start = held.len() - HEAD_LEN;
            let head = held[start..].to_vec();
            self.held.zeroize();
            self.held.extend_from_slice(&head);
            return;
        }
        if held.len() < len + 2 {
            return;
        }
        let whole = held.len() == len + 2 && held.ends_with(CLOSE);
        if whole {
            self.noise.framed();
            found.push(Framed::Whole(Zeroizing::new(held[2..].to_vec())));
        } else {
            found.push(Framed::Torn);
        }
        self.held.zeroize();
    }
}
