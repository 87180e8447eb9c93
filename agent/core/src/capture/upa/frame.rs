//! UPA frames: `02 0A` JSON `0A 03 0A`, no length, no checksum.
//!
//! JSON cannot hold a raw 02 or 03, so a frame is whatever stands between the two: a 02 always starts anew, and no
//! garbage can swallow a later frame. Line breaks are dropped, because the SDKs' writers put them behind every brace
//! and comma even inside strings, and their readers drop them too.

use zeroize::Zeroizing;

use crate::capture::noise::Noise;
use crate::capture::tripwire::{self, Redactions};

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// Longest frame, in bytes between the markers. A signature image is the longest that the SDKs know, at about 20 KiB.
pub const FRAME_LEN_MAX: usize = 64 * 1024;

/// What of a torn frame is kept. The margin to [`FRAME_LEN_MAX`] lets the tripwire see what the cut would hide.
const TORN_LEN_MAX: usize = FRAME_LEN_MAX - 1024;

/// What the framer found.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed {
    /// A whole frame, without markers and line breaks, without card data.
    Whole {
        /// The text.
        text: Vec<u8>,
        /// What was replaced in it.
        redactions: Redactions,
    },
    /// A frame that did not end as one.
    Torn {
        /// Why.
        why: Torn,
        /// What there was of it, all rows of digits blanked.
        text: Vec<u8>,
        /// What was replaced in it before.
        redactions: Redactions,
    },
    /// Much has passed, and no frame.
    Noise,
}

/// Why a frame is torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Torn {
    /// Another frame started inside it.
    Restarted,
    /// It grew beyond [`FRAME_LEN_MAX`].
    TooLong,
    /// The connection ended inside it.
    Cut,
}

/// Cuts one direction of a connection into frames. Any split of the same bytes gives the same frames.
#[derive(Debug, Default)]
pub struct Framer {
    inside: Option<Zeroizing<Vec<u8>>>,
    noise: Noise,
}

impl Framer {
    /// Takes bytes as they come and returns the frames that they completed. Bytes between frames are skipped.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Framed> {
        let mut found = Vec::new();
        for byte in bytes {
            match (*byte, &mut self.inside) {
                (STX, _) => {
                    found.extend(self.tear(Torn::Restarted));
                    // full size at once: a buffer that grows leaves copies of card data behind
                    self.inside = Some(Zeroizing::new(Vec::with_capacity(FRAME_LEN_MAX)));
                }
                (ETX, Some(_)) => {
                    self.noise.framed();
                    found.extend(self.take().map(whole));
                }
                (_, None) => found.extend(self.noise.skip().then_some(Framed::Noise)),
                (b'\r' | b'\n', Some(_)) => {}
                (_, Some(text)) if text.len() == FRAME_LEN_MAX => found.extend(self.tear(Torn::TooLong)),
                (byte, Some(text)) => text.push(byte),
            }
        }
        found
    }

    /// The connection ended, or bytes were missed; what was begun is torn.
    pub fn end(&mut self) -> Option<Framed> {
        self.tear(Torn::Cut)
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        self.inside.take().map(|mut text| std::mem::take(&mut *text))
    }

    fn tear(&mut self, why: Torn) -> Option<Framed> {
        let mut text = self.take().filter(|text| !text.is_empty())?;
        let redactions = tripwire::sweep(&mut text);
        tripwire::blank_digits(&mut text);
        if text.len() > TORN_LEN_MAX {
            text.truncate(TORN_LEN_MAX);
        }
        text.shrink_to_fit();
        Some(Framed::Torn {
            why,
            text,
            redactions,
        })
    }
}

/// Sweeps; then what is no JSON at all has its figures blanked, for nobody knows what they are.
fn whole(mut text: Vec<u8>) -> Framed {
    let redactions = tripwire::sweep(&mut text);
    if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_err() {
        tripwire::blank_digits(&mut text);
    }
    text.shrink_to_fit();
    Framed::Whole { text, redactions }
}
