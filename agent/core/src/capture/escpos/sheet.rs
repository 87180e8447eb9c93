//! What one job puts on paper, and the bytes that said so.

use tillwire_proto::Note;
use zeroize::Zeroizing;

use super::lexer::CONTENT_LEN_MAX;
use super::page::CodePage;
use super::token::Token;
use crate::capture::tripwire::{self, Redactions};

/// Longest job, in bytes of text and of commands, pictures not counted. A long receipt is 4 KiB.
pub const JOB_LEN_MAX: usize = 64 * 1024;

/// What is kept of a job that is longer. The margin lets the tripwire see what the cut would hide.
const KEPT_LEN_MAX: usize = JOB_LEN_MAX - 1024;

/// Codes kept of one job.
const CODES_MAX: usize = 16;

/// Feeds in a row that make empty lines.
const FEEDS_MAX: u8 = 2;

/// Paper as people see it, after the tripwire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paper {
    /// The lines, without their looks.
    pub lines: Vec<String>,
    /// Contents of bar codes and two-dimensional codes.
    pub codes: Vec<Note>,
    /// How often the drawer was opened.
    pub kicks: u8,
    /// How many pictures were printed.
    pub pictures: u32,
    /// The first code that only Star's printers have.
    pub star: Option<&'static str>,
    /// True when there was more than [`JOB_LEN_MAX`].
    pub is_too_long: bool,
}

impl Paper {
    /// True when some line says something.
    #[must_use]
    pub fn has_text(&self) -> bool {
        self.lines.iter().any(|line| !line.trim().is_empty())
    }
}

/// Paper with the bytes that it was understood from, both after the tripwire.
#[derive(Debug, PartialEq, Eq)]
pub struct Printout {
    /// The paper.
    pub paper: Paper,
    /// The bytes, without pictures and questions. Where the text held card data that formatting had hidden in the
    /// bytes, the text stands here.
    pub raw: Vec<u8>,
    /// What was replaced.
    pub redactions: Redactions,
}

/// A job under way.
#[derive(Debug, Default)]
pub struct Sheet {
    text: Zeroizing<Vec<u8>>,
    codes: Vec<Zeroizing<Vec<u8>>>,
    stored: Zeroizing<Vec<u8>>,
    raw: Zeroizing<Vec<u8>>,
    page: CodePage,
    paper: Paper,
    is_begun: bool,
    has_text: bool,
}

impl Sheet {
    /// An empty sheet in a printer that is set to this code page.
    #[must_use]
    pub fn new(page: CodePage) -> Self {
        Self {
            page,
            ..Self::default()
        }
    }

    /// The code page in force.
    #[must_use]
    pub const fn page(&self) -> CodePage {
        self.page
    }

    /// Sets the code page (`ESC @`, `ESC t`).
    pub const fn set_page(&mut self, page: CodePage) {
        self.page = page;
    }

    /// True when something was printed or the drawer opened.
    #[must_use]
    pub const fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// True when there is something on paper.
    #[must_use]
    pub fn is_printed(&self) -> bool {
        self.has_text || self.paper.pictures > 0 || !self.codes.is_empty() || self.paper.star.is_some()
    }

    /// How much text there is.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The text so far, to see whether it is a whole receipt. Before the tripwire: to be looked at and dropped.
    pub fn lines_so_far(&self) -> Zeroizing<String> {
        Zeroizing::new(String::from_utf8_lossy(&self.text).into_owned())
    }

    /// Takes one token with its bytes.
    pub fn put(&mut self, token: &Token, bytes: &[u8]) {
        match token {
            Token::CodePage(number) => self.page = CodePage::new(*number),
            Token::Ask => return,
            _ => {}
        }
        if !self.is_begun {
            if !begins(token) {
                return;
            }
            self.begin();
        }
        if self.paper.is_too_long
            || self.raw.len() + bytes.len() > JOB_LEN_MAX
            || self.text.len() + 4 > JOB_LEN_MAX
        {
            self.paper.is_too_long = true;
            return;
        }
        self.raw.extend_from_slice(bytes);
        self.print(token);
    }

    /// Full size at once: buffers that grow leave copies of what they held behind.
    fn begin(&mut self) {
        self.is_begun = true;
        self.raw = Zeroizing::new(Vec::with_capacity(JOB_LEN_MAX));
        self.text = Zeroizing::new(Vec::with_capacity(JOB_LEN_MAX));
        self.raw.extend([0x1B, b't', self.page.number()]);
    }

    fn print(&mut self, token: &Token) {
        match token {
            Token::Char(byte) => {
                self.has_text |= *byte != b' ';
                let mut utf8 = [0; 4];
                let char = self.page.char(*byte).encode_utf8(&mut utf8);
                self.text.extend_from_slice(char.as_bytes());
            }
            Token::Tab | Token::Move => self.text.extend_from_slice(b"  "),
            Token::Feed(lines) => {
                for _ in 0..(*lines).min(FEEDS_MAX) {
                    self.text.push(b'\n');
                }
            }
            Token::Barcode(content) => self.code(content.clone()),
            Token::Stored(content) => self.stored = Zeroizing::new(content.clone()),
            Token::PrintStored => self.code(self.stored.to_vec()),
            Token::Image => self.paper.pictures = self.paper.pictures.saturating_add(1),
            Token::Kick => self.paper.kicks = self.paper.kicks.saturating_add(1),
            Token::Star(name) => self.paper.star = self.paper.star.or(Some(name)),
            _ => {}
        }
    }

    fn code(&mut self, mut content: Vec<u8>) {
        content.truncate(CONTENT_LEN_MAX);
        if self.codes.len() < CODES_MAX && !content.is_empty() {
            self.codes.push(Zeroizing::new(content));
        }
    }

    /// The paper and its bytes, swept; an empty sheet in the same code page is left.
    pub fn tear_off(&mut self) -> Printout {
        let mut sheet = std::mem::replace(self, Self::new(self.page));
        let mut redactions = Redactions::default();
        for code in &mut sheet.codes {
            redactions.merge(&tripwire::sweep(code));
        }
        redactions.merge(&tripwire::sweep(&mut sheet.text));
        let raw_redactions = tripwire::sweep(&mut sheet.raw);
        let mut raw = if redactions.total() > 0 {
            sheet.text.to_vec()
        } else {
            redactions = raw_redactions;
            sheet.raw.to_vec()
        };
        if sheet.paper.is_too_long {
            raw.truncate(KEPT_LEN_MAX);
        }
        let lines = String::from_utf8_lossy(&sheet.text);
        let codes = sheet.codes.iter().map(|code| String::from_utf8_lossy(code));
        let paper = Paper {
            lines: lines.lines().map(|line| line.trim_end().to_owned()).collect(),
            codes: codes.filter_map(|code| Note::cleaned(&code)).collect(),
            ..sheet.paper
        };
        Printout {
            paper,
            raw,
            redactions,
        }
    }
}

/// What puts something on paper or opens the drawer, unlike what only prepares it.
const fn begins(token: &Token) -> bool {
    match token {
        Token::Char(byte) => *byte != b' ',
        Token::Barcode(_) | Token::Stored(_) | Token::Image | Token::Kick | Token::Star(_) => true,
        _ => false,
    }
}
