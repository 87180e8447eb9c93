//! What a printer is told, one thing at a time.

/// One thing said to a printer. Bytes become the same tokens however they are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// One character in the code page in force.
    Char(u8),
    /// To the next tab stop.
    Tab,
    /// Carriage return. Printers print on the feed that follows.
    Return,
    /// What stands in the line is printed, and the paper moves on by so many lines.
    Feed(u8),
    /// The print position moves within the line (`ESC $`, `ESC \`): a gap in the text.
    Move,
    /// `ESC @`: as after power on.
    Init,
    /// `ESC t`: the code page with this number.
    CodePage(u8),
    /// The paper is cut.
    Cut,
    /// The drawer is opened.
    Kick,
    /// A bar code with this content.
    Barcode(Vec<u8>),
    /// Content put aside for a two-dimensional code.
    Stored(Vec<u8>),
    /// The two-dimensional code that was put aside is printed.
    PrintStored,
    /// A picture; its bytes are skipped.
    Image,
    /// Asks the printer how it is, or for its name: an answer comes back.
    Ask,
    /// Anything else that is known and makes no text; its name.
    Format(&'static str),
    /// A code that is not known; two bytes are skipped.
    Unknown([u8; 2]),
    /// A code that Star's printers have and ESC/POS has not.
    Star(&'static str),
}

impl Token {
    /// Its name, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Char(_) => "text",
            Self::Tab => "tab",
            Self::Return => "return",
            Self::Feed(_) => "feed",
            Self::Move => "move",
            Self::Init => "init",
            Self::CodePage(_) => "code page",
            Self::Cut => "cut",
            Self::Kick => "drawer",
            Self::Barcode(_) => "bar code",
            Self::Stored(_) => "code stored",
            Self::PrintStored => "code printed",
            Self::Image => "picture",
            Self::Ask => "question",
            Self::Format(name) | Self::Star(name) => name,
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What follows a command's fixed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// A picture or font: skipped.
    Skip(&'static str),
    /// Skipped, and it is a picture on paper.
    Image,
    /// A bar code's content.
    Barcode,
    /// `GS ( k`: what it is stands in its first bytes.
    Symbol,
}

/// How a command goes on, seen from its first bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// More bytes must come before one can say.
    More,
    /// It has so many bytes and says this.
    Whole(usize, Token),
    /// After so many bytes come so many more of this.
    Data(usize, u64, Payload),
    /// After so many bytes comes data up to a zero byte, at most so many.
    UntilZero(usize, usize, Payload),
    /// After so many bytes come so many parts, each with its own head of four bytes (`FS q`).
    Pictures(usize, u8),
    /// After so many bytes come so many characters of so many bytes a column, each behind its width (`ESC &`).
    Glyphs(usize, u8, u8),
}

/// A known code with so many parameter bytes behind its two.
pub(super) const fn format(parameters: usize, name: &'static str) -> Shape {
    Shape::Whole(2 + parameters, Token::Format(name))
}

/// Little-endian, as ESC/POS writes lengths.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
