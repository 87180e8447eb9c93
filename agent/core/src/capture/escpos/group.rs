//! `GS`: size, pictures, bar codes, the cutter, and questions.

use super::text::{extended, with};
use super::token::{Payload, Shape, Token, format, number};

/// `bytes` begin with `GS`.
pub(super) fn group(bytes: &[u8]) -> Shape {
    let Some(code) = bytes.get(1) else {
        return Shape::More;
    };
    match code {
        b'V' => with(bytes, 2, |p| match p[0] {
            65 | 66 | 97 | 98 | 103 | 104 => with(bytes, 3, |_| Shape::Whole(4, Token::Cut)),
            _ => Shape::Whole(3, Token::Cut),
        }),
        b'k' => barcode(bytes),
        b'(' => parenthesis(bytes),
        b'v' => with(bytes, 7, |p| {
            Shape::Data(8, number(&p[2..4]) * number(&p[4..6]), Payload::Image)
        }),
        b'8' => with(bytes, 6, |p| Shape::Data(7, number(&p[1..5]), Payload::Image)),
        b'*' => with(bytes, 3, |p| {
            let dots = u64::from(p[0]) * u64::from(p[1]) * 8;
            Shape::Data(4, dots, Payload::Skip("picture stored"))
        }),
        b'Q' => with(bytes, 7, |p| {
            Shape::Data(8, number(&p[2..4]) * number(&p[4..6]), Payload::Image)
        }),
        b'/' => with(bytes, 2, |_| Shape::Whole(3, Token::Image)),
        b'a' | b'r' | b'I' => with(bytes, 2, |_| Shape::Whole(3, Token::Ask)),
        b'$' | b'\\' => with(bytes, 3, |_| Shape::Whole(4, Token::Move)),
        b'L' | b'W' | b'P' => format(2, "margin"),
        b'!' | b'B' | b'b' | b'H' | b'f' | b'h' | b'w' | b'T' | b'|' | b'E' => format(1, "style"),
        b':' | b'c' => format(0, "macro"),
        b'^' => format(3, "macro"),
        other => Shape::Whole(2, Token::Unknown([0x1D, *other])),
    }
}

/// `GS k`: the old form ends with a zero, the new one says its length.
fn barcode(bytes: &[u8]) -> Shape {
    with(bytes, 2, |p| match p[0] {
        0..=6 => Shape::UntilZero(3, 255, Payload::Barcode),
        65..=79 => with(bytes, 3, |p| Shape::Data(4, u64::from(p[1]), Payload::Barcode)),
        _ => Shape::Whole(2, Token::Unknown([0x1D, b'k'])),
    })
}

/// `GS ( f`: two-dimensional codes, pictures, and much that makes nothing on paper.
fn parenthesis(bytes: &[u8]) -> Shape {
    with(bytes, 4, |p| {
        let payload = match p[0] {
            b'k' => Payload::Symbol,
            b'L' => Payload::Image,
            _ => return extended(bytes, "GS ("),
        };
        Shape::Data(5, number(&p[1..3]), payload)
    })
}
