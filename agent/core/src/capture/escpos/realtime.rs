//! `DLE`: what a printer does at once, also when it is off-line.

use super::text::with;
use super::token::{Shape, Token, format};

/// `bytes` begin with `DLE`.
pub(super) fn real_time(bytes: &[u8]) -> Shape {
    let Some(code) = bytes.get(1) else {
        return Shape::More;
    };
    match code {
        0x04 => with(bytes, 2, |p| match p[0] {
            7 | 8 | 18 => with(bytes, 3, |_| Shape::Whole(4, Token::Ask)),
            _ => Shape::Whole(3, Token::Ask),
        }),
        0x05 => with(bytes, 2, |_| Shape::Whole(3, Token::Format("recover"))),
        0x14 => with(bytes, 2, |p| match p[0] {
            1 => with(bytes, 4, |_| Shape::Whole(5, Token::Kick)),
            2 => format(3, "power off"),
            3 => format(6, "buzzer"),
            7 => with(bytes, 3, |_| Shape::Whole(4, Token::Ask)),
            8 => format(8, "clear buffer"),
            _ => Shape::Whole(2, Token::Unknown([0x10, 0x14])),
        }),
        other => Shape::Whole(2, Token::Unknown([0x10, *other])),
    }
}
