//! A captured job for people: papers, and every command by its name.

use super::lexer::Lexer;
use super::page::CodePage;
use super::sheet::{Paper, Sheet};
use super::token::Token;
use crate::capture::tripwire;

/// The papers of captured bytes, cut where the printer cuts, after the tripwire.
#[must_use]
pub fn papers(bytes: &[u8], page: CodePage) -> Vec<Paper> {
    let (mut sheet, mut papers) = (Sheet::new(page), Vec::new());
    Lexer::default().push(bytes, &mut |token: Token, bytes: &[u8]| {
        let is_end = token == Token::Cut && sheet.is_printed();
        sheet.put(&token, bytes);
        if is_end {
            papers.push(sheet.tear_off().paper);
        }
    });
    if sheet.is_printed() {
        papers.push(sheet.tear_off().paper);
    }
    papers
}

/// The text with each command in square brackets where it stands, after the tripwire.
#[must_use]
pub fn shown(bytes: &[u8], page: CodePage) -> String {
    let (mut text, mut page) = (String::new(), page);
    Lexer::default().push(bytes, &mut |token: Token, bytes: &[u8]| {
        let content = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
        match &token {
            Token::Char(byte) => text.push(page.char(*byte)),
            Token::Feed(1) if bytes.len() == 1 => text.push('\n'),
            Token::Feed(lines) => text.push_str(&format!("[feed {lines}]\n")),
            Token::CodePage(number) => {
                page = CodePage::new(*number);
                text.push_str(&format!("[code page {number}]"));
            }
            Token::Unknown([lead, code]) => text.push_str(&format!("[unknown {lead:02X} {code:02X}]")),
            Token::Barcode(bytes) | Token::Stored(bytes) => {
                text.push_str(&format!("[{} {}]", token.name(), content(bytes)));
            }
            Token::Cut => text.push_str("[cut]\n"),
            _ => text.push_str(&format!("[{}]", token.name())),
        }
    });
    let mut bytes = text.into_bytes();
    let _ = tripwire::sweep(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
