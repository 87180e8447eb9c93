//! PAX frames: `02` fields `03` LRC, the LRC being the exclusive or of every byte after 02 up to and including 03. It may
//! itself be any byte, so exactly one byte after 03 belongs to the frame. Over HTTP the request's frame stands in
//! base64 behind the `?` of a GET line; the answer's stands raw in the body.

use zeroize::Zeroizing;

use crate::capture::noise::Noise;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// Longest frame, in bytes between the markers. A signature comes in parts of at most 9 KiB.
pub const FRAME_LEN_MAX: usize = 32 * 1024;

/// Longest line that may be an HTTP request's first.
const LINE_LEN_MAX: usize = FRAME_LEN_MAX * 4 / 3 + 1024;

/// What the framer found.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed {
    /// A whole frame with a right LRC: what stands between the markers. May hold card data.
    Whole(Zeroizing<Vec<u8>>),
    /// A frame whose LRC does not fit. The sender sends it again when the receiver did not take it either.
    BadLrc,
    /// A frame that did not end as one.
    Torn,
    /// Much has passed, and no frame.
    Noise,
}

#[derive(Debug)]
enum State {
    /// Between frames: what stands on the line so far, in case it is an HTTP request's.
    Outside(Zeroizing<Vec<u8>>),
    /// In a frame.
    Inside(Zeroizing<Vec<u8>>),
    /// Behind its end: the LRC comes.
    Check(Zeroizing<Vec<u8>>),
}

/// Cuts one direction of a connection into frames. Any split of the same bytes gives the same frames.
#[derive(Debug)]
pub struct Framer {
    state: State,
    noise: Noise,
}

impl Default for Framer {
    fn default() -> Self {
        Self {
            state: State::Outside(Zeroizing::default()),
            noise: Noise::default(),
        }
    }
}

impl Framer {
    /// Takes bytes as they come and returns the frames that they completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Framed> {
        let mut found = Vec::new();
        for byte in bytes {
            let state = std::mem::replace(&mut self.state, State::Outside(Zeroizing::default()));
            self.state = match state {
                State::Check(text) => {
                    let frame = checked(text, *byte);
                    if matches!(frame, Framed::Whole(_)) {
                        self.noise.framed();
                    }
                    found.push(frame);
                    State::Outside(Zeroizing::default())
                }
                State::Outside(_) if *byte == STX => inside(),
                State::Inside(_) if *byte == STX => {
                    found.push(Framed::Torn);
                    inside()
                }
                State::Inside(text) if *byte == ETX => State::Check(text),
                State::Inside(text) if text.len() == FRAME_LEN_MAX => {
                    found.push(Framed::Torn);
                    drop(text);
                    State::Outside(Zeroizing::default())
                }
                State::Inside(mut text) => {
                    text.push(*byte);
                    State::Inside(text)
                }
                State::Outside(line) => State::Outside(self.outside(line, *byte, &mut found)),
            };
        }
        found
    }

    /// The connection ended, or bytes were missed; what was begun is torn.
    pub fn end(&mut self) -> Option<Framed> {
        match std::mem::replace(&mut self.state, State::Outside(Zeroizing::default())) {
            State::Outside(_) => None,
            State::Inside(_) | State::Check(_) => Some(Framed::Torn),
        }
    }

    /// One byte between frames. A line that begins as an HTTP request's is kept to its end and looked into.
    fn outside(
        &mut self,
        mut line: Zeroizing<Vec<u8>>,
        byte: u8,
        found: &mut Vec<Framed>,
    ) -> Zeroizing<Vec<u8>> {
        if self.noise.skip() {
            found.push(Framed::Noise);
        }
        if byte == b'\n' {
            let frame = in_request(&line);
            if matches!(frame, Some(Framed::Whole(_))) {
                self.noise.framed();
            }
            found.extend(frame);
            return Zeroizing::default();
        }
        line.push(byte);
        let head = &b"GET "[..line.len().min(4)];
        if !line.starts_with(head) || line.len() > LINE_LEN_MAX {
            line.clear();
        }
        line
    }
}

/// Full size at once: a buffer that grows leaves copies of card data behind.
fn inside() -> State {
    State::Inside(Zeroizing::new(Vec::with_capacity(FRAME_LEN_MAX)))
}

fn checked(text: Zeroizing<Vec<u8>>, lrc: u8) -> Framed {
    let right = text.iter().fold(ETX, |sum, byte| sum ^ byte);
    if right == lrc {
        Framed::Whole(text)
    } else {
        Framed::BadLrc
    }
}

/// The frame behind the `?` of `GET /?… HTTP/1.1`.
fn in_request(line: &[u8]) -> Option<Framed> {
    let query = line.strip_prefix(b"GET ")?;
    let start = query.iter().position(|byte| *byte == b'?')? + 1;
    let query = query[start..].split(|byte| *byte == b' ').next()?;
    let text = Zeroizing::new(unescaped(query));
    let bytes = data_encoding::BASE64
        .decode(&text)
        .or_else(|_| data_encoding::BASE64_NOPAD.decode(&text));
    let bytes = Zeroizing::new(bytes.ok()?);
    let (body, lrc) = bytes.strip_prefix(&[STX])?.split_at_checked(bytes.len() - 2)?;
    let text = body.strip_suffix(&[ETX])?;
    (text.len() <= FRAME_LEN_MAX).then(|| checked(Zeroizing::new(text.to_vec()), lrc[0]))
}

/// `%2B`, `%2F` and `%3D` as clients write base64 in an address.
fn unescaped(query: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(query.len());
    let mut rest = query;
    while let [byte, after @ ..] = rest {
        rest = after;
        let escaped = (*byte == b'%').then(|| after.get(..2)).flatten();
        match escaped.and_then(|hex| data_encoding::HEXUPPER_PERMISSIVE.decode(hex).ok()) {
            Some(decoded) => {
                text.extend(decoded);
                rest = &after[2..];
            }
            None => text.push(*byte),
        }
    }
    text
}
