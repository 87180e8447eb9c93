//! Bytes to tokens. The lexer holds at most one command's head and the content of one code; pictures pass uncounted.

use super::group::group;
use super::realtime::real_time;
use super::text::{escape, field};
use super::token::{Payload, Shape, Token};
use zeroize::Zeroizing;

/// What is kept of one code's content, in bytes: more than the largest QR code holds (7,089 digits).
pub const CONTENT_LEN_MAX: usize = 8 * 1024;

/// Understands what is said to a printer. Any split of the same bytes gives the same tokens.
///
/// `DLE` within a picture or a code counts as its data: printers act on it at once *and* keep it as data.
#[derive(Debug, Default)]
pub struct Lexer {
    head: Zeroizing<Vec<u8>>,
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// At a token's first byte, or within its head.
    #[default]
    Head,
    /// Within data with so many bytes to come.
    Data { left: u64, payload: Payload },
    /// Within data that a zero ends, at most so many bytes more.
    UntilZero { left: usize, payload: Payload },
    /// Before the head of one of so many pictures.
    Pictures { left: u8 },
    /// Within one of several pictures.
    Picture { left: u64, more: u8 },
    /// Before the width of one of so many characters.
    Glyphs { left: u8, column: u8 },
    /// Within one of several characters.
    Glyph { left: u64, more: u8, column: u8 },
}

impl Lexer {
    /// Takes bytes as they come and tells the tokens that they complete, each with the bytes that said it. Those of
    /// pictures are left out, and the picture's head comes with its sizes set to nothing, so that what is told reads to
    /// the same tokens again.
    pub fn push(&mut self, bytes: &[u8], told: &mut impl FnMut(Token, &[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.state {
                State::Head => self.head(rest, told),
                State::Data { left, payload } => self.data(rest, left, payload),
                State::UntilZero { left, payload } => self.until_zero(rest, left, payload, told),
                State::Pictures { left } => self.series(rest, 4, left, None),
                State::Glyphs { left, column } => self.series(rest, 1, left, Some(column)),
                State::Picture { left, more } => {
                    let (len, left) = skipped(rest, left);
                    self.state = State::Picture { left, more };
                    if left == 0 {
                        self.after_part(more, None, told);
                    }
                    &rest[len..]
                }
                State::Glyph { left, more, column } => {
                    let (len, left) = skipped(rest, left);
                    self.state = State::Glyph { left, more, column };
                    if left == 0 {
                        self.after_part(more, Some(column), told);
                    }
                    &rest[len..]
                }
            };
            self.settle(told);
        }
    }

    /// Forgets what was begun: silence, or the end of the line.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Ends what has nothing left without needing a further byte, so that a token is told as soon as it is whole.
    fn settle(&mut self, told: &mut impl FnMut(Token, &[u8])) {
        match self.state {
            State::Data { left: 0, payload } => self.end_data(payload, told),
            State::Pictures { left: 0 } => self.finish(Token::Format("pictures stored"), told),
            State::Glyphs { left: 0, .. } => self.finish(Token::Format("glyphs"), told),
            _ => {}
        }
    }

    fn head<'a>(&mut self, rest: &'a [u8], told: &mut impl FnMut(Token, &[u8])) -> &'a [u8] {
        let (first, rest) = (rest[0], &rest[1..]);
        if self.head.is_empty() {
            let plain = match first {
                0x20.. => Some(Token::Char(first)),
                b'\n' => Some(Token::Feed(1)),
                0x0C => Some(Token::Feed(1)),
                b'\r' => Some(Token::Return),
                b'\t' => Some(Token::Tab),
                0x10 | 0x1B | 0x1C | 0x1D => None,
                _ => Some(Token::Format("control")),
            };
            if let Some(token) = plain {
                told(token, &[first]);
                return rest;
            }
        }
        self.head.push(first);
        let shape = match self.head[0] {
            0x1B => escape(&self.head),
            0x1C => field(&self.head),
            0x1D => group(&self.head),
            _ => real_time(&self.head),
        };
        match shape {
            Shape::More => {}
            Shape::Whole(len, _) if self.head.len() < len => {}
            Shape::Whole(_, token) => self.finish(token, told),
            Shape::Data(_, left, payload) => self.state = State::Data { left, payload },
            Shape::UntilZero(_, left, payload) => self.state = State::UntilZero { left, payload },
            Shape::Pictures(_, left) => self.state = State::Pictures { left },
            Shape::Glyphs(_, left, column) => self.state = State::Glyphs { left, column },
        }
        rest
    }

    fn data<'a>(&mut self, rest: &'a [u8], left: u64, payload: Payload) -> &'a [u8] {
        let (len, left) = skipped(rest, left);
        if matches!(payload, Payload::Barcode | Payload::Symbol) {
            let room = CONTENT_LEN_MAX.saturating_sub(self.head.len());
            self.head.extend_from_slice(&rest[..len.min(room)]);
        }
        self.state = State::Data { left, payload };
        &rest[len..]
    }

    fn end_data(&mut self, payload: Payload, told: &mut impl FnMut(Token, &[u8])) {
        let token = match payload {
            Payload::Skip(name) => Token::Format(name),
            Payload::Image => Token::Image,
            Payload::Barcode if self.head.get(2) == Some(&73) => Token::Barcode(code128(&self.head[4..])),
            Payload::Barcode => Token::Barcode(content(&self.head, 4)),
            Payload::Symbol => symbol(&self.head),
        };
        if matches!(payload, Payload::Skip(_) | Payload::Image) {
            empty_sizes(&mut self.head);
        }
        self.finish(token, told);
    }

    fn until_zero<'a>(
        &mut self,
        rest: &'a [u8],
        left: usize,
        payload: Payload,
        told: &mut impl FnMut(Token, &[u8]),
    ) -> &'a [u8] {
        let (first, rest) = (rest[0], &rest[1..]);
        self.head.push(first);
        if first != 0 && left > 1 {
            self.state = State::UntilZero {
                left: left - 1,
                payload,
            };
            return rest;
        }
        let token = match payload {
            Payload::Barcode => {
                let mut content = content(&self.head, 3);
                content.pop_if(|last| *last == 0);
                Token::Barcode(content)
            }
            _ => Token::Format("tab stops"),
        };
        self.finish(token, told);
        rest
    }

    /// One byte of the head of a picture or character that stands in a series.
    fn series<'a>(&mut self, rest: &'a [u8], head_len: usize, left: u8, column: Option<u8>) -> &'a [u8] {
        let start = if column.is_some() { 5 } else { 3 }; // what `ESC &` and `FS q` begin with
        self.head.push(rest[0]);
        let head = &self.head[start..];
        if head.len() == head_len {
            let more = left.saturating_sub(1);
            self.state = match column {
                None => {
                    let size = |at: usize| u64::from(head[at]) + 256 * u64::from(head[at + 1]);
                    State::Picture {
                        left: size(0) * size(2) * 8,
                        more,
                    }
                }
                Some(column) => State::Glyph {
                    left: u64::from(head[0]) * u64::from(column),
                    more,
                    column,
                },
            };
            self.head.truncate(start);
        }
        &rest[1..]
    }

    fn after_part(&mut self, more: u8, column: Option<u8>, told: &mut impl FnMut(Token, &[u8])) {
        self.state = match column {
            None => State::Pictures { left: more },
            Some(column) => State::Glyphs { left: more, column },
        };
        self.settle(told);
    }

    fn finish(&mut self, token: Token, told: &mut impl FnMut(Token, &[u8])) {
        self.state = State::Head;
        let keeps_bytes = !matches!(token, Token::Format("pictures stored" | "glyphs"));
        told(token, if keeps_bytes { &self.head } else { &[] });
        self.head.clear();
    }
}

/// How many of the bytes are data, and how many are to come then.
fn skipped(rest: &[u8], left: u64) -> (usize, u64) {
    let len = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
    (len, left - len as u64)
}

fn content(head: &[u8], from: usize) -> Vec<u8> {
    head.get(from..).unwrap_or_default().to_vec()
}

/// CODE128 as ESC/POS writes it: `{A`, `{B` and `{C` choose the set (a byte of set C is two digits), `{1` to `{4` are
/// function codes, `{{` is a brace.
fn code128(data: &[u8]) -> Vec<u8> {
    let (mut text, mut pairs, mut rest) = (Vec::new(), false, data);
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'{', [b'{', after @ ..]) => {
                text.push(b'{');
                after
            }
            (b'{', [code, after @ ..]) => {
                pairs = if code.is_ascii_alphabetic() {
                    *code == b'C'
                } else {
                    pairs
                };
                after
            }
            (pair @ 0..=99, _) if pairs => {
                text.extend([b'0' + pair / 10, b'0' + pair % 10]);
                after
            }
            (byte, _) => {
                text.push(*byte);
                after
            }
        };
    }
    text
}

/// `GS ( k pL pH cn fn …`: function 80 stores content behind a fixed `m`, function 81 prints it.
fn symbol(head: &[u8]) -> Token {
    match head.get(6) {
        Some(80) => Token::Stored(content(head, 8)),
        Some(81) => Token::PrintStored,
        _ => Token::Format("code style"),
    }
}

/// A picture's head without its picture: all sizes are nothing.
fn empty_sizes(head: &mut [u8]) {
    let sizes = match head {
        [0x1B, b'*', ..] => 3..5,
        [0x1D, b'v' | b'Q', ..] => 4..8,
        [0x1D, b'8', ..] => 3..7,
        [0x1D, b'*', ..] => 2..4,
        _ => 3..5,
    };
    if let Some(sizes) = head.get_mut(sizes) {
        sizes.fill(0);
    }
}
