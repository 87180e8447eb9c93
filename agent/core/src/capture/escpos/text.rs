//! `ESC` and `FS`: text, its looks, the paper's movement, the drawer.

use super::token::{Payload, Shape, Token, format, number};

/// `bytes` begin with `ESC`.
pub(super) fn escape(bytes: &[u8]) -> Shape {
    let Some(code) = bytes.get(1) else {
        return Shape::More;
    };
    match code {
        b'@' => Shape::Whole(2, Token::Init),
        b't' => with(bytes, 2, |p| Shape::Whole(3, Token::CodePage(p[0]))),
        b'd' => with(bytes, 2, |p| Shape::Whole(3, Token::Feed(p[0]))),
        b'J' => with(bytes, 2, |_| Shape::Whole(3, Token::Feed(1))),
        b'i' | b'm' => Shape::Whole(2, Token::Cut),
        b'p' => with(bytes, 4, |_| Shape::Whole(5, Token::Kick)),
        b'$' | b'\\' => with(bytes, 3, |_| Shape::Whole(4, Token::Move)),
        b'*' => picture(bytes),
        b'D' => Shape::UntilZero(2, 32, Payload::Skip("tab stops")),
        b'&' => with(bytes, 4, |p| {
            let count = p[2].saturating_sub(p[1]).saturating_add(1);
            Shape::Glyphs(5, count, p[0])
        }),
        b'(' => extended(bytes, "ESC ("),
        b'v' => Shape::Whole(2, Token::Ask),
        b'u' => with(bytes, 2, |_| Shape::Whole(3, Token::Ask)),
        b'2' => format(0, "line spacing"),
        b'<' => format(0, "return home"),
        b'L' => format(0, "page mode"),
        b'S' => format(0, "standard mode"),
        0x0C => format(0, "print page"),
        b'c' | b'B' => format(2, "panel"),
        b'W' => format(8, "print area"),
        b'a' | b'E' | b'G' | b'M' | b'-' | b'!' | b'{' | b'V' | b'r' | b'R' | b'e' | b'K' | b'3' | b' '
        | b'=' | b'T' | b'U' | b'%' | b'?' => format(1, "style"),
        0x1D => Shape::Whole(2, Token::Star("ESC GS")),
        0x1E => Shape::Whole(2, Token::Star("ESC RS")),
        0x07 => Shape::Whole(2, Token::Star("ESC BEL")),
        other => Shape::Whole(2, Token::Unknown([0x1B, *other])),
    }
}

/// `ESC *`: a picture eight or twenty-four dots high; with `r` it is Star's.
fn picture(bytes: &[u8]) -> Shape {
    with(bytes, 2, |p| match p[0] {
        b'r' => Shape::Whole(3, Token::Star("ESC * r")),
        mode => with(bytes, 4, |p| {
            let column = if matches!(mode, 32 | 33) { 3 } else { 1 };
            Shape::Data(5, number(&p[1..3]) * column, Payload::Image)
        }),
    })
}

/// `bytes` begin with `FS`.
pub(super) fn field(bytes: &[u8]) -> Shape {
    let Some(code) = bytes.get(1) else {
        return Shape::More;
    };
    match code {
        b'.' | b'&' => format(0, "Kanji mode"),
        b'!' | b'-' | b'W' | b'C' => format(1, "Kanji style"),
        b'S' | b'?' => format(2, "Kanji style"),
        b'2' => format(74, "Kanji glyph"),
        b'p' => with(bytes, 3, |_| Shape::Whole(4, Token::Image)),
        b'(' => extended(bytes, "FS ("),
        b'q' => with(bytes, 2, |p| Shape::Pictures(3, p[0])),
        other => Shape::Whole(2, Token::Unknown([0x1C, *other])),
    }
}

/// `xx ( f pL pH …`: an extension that says its own length.
pub(super) fn extended(bytes: &[u8], name: &'static str) -> Shape {
    with(bytes, 4, |p| {
        Shape::Data(5, number(&p[1..3]), Payload::Skip(name))
    })
}

/// Waits until the command has `len` bytes behind its first, then looks at those from the second on.
pub(super) fn with(bytes: &[u8], len: usize, shape: impl FnOnce(&[u8]) -> Shape) -> Shape {
    match bytes.get(2..=len) {
        Some(parameters) => shape(parameters),
        None => Shape::More,
    }
}
