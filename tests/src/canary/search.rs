//! Finds known card numbers and PIN blocks in any bytes: in ASCII, EBCDIC and UTF-16 digits, with one or two bytes between them, as digits of
//! percent codes, and in base64 at any offset. Slow and simple, and nothing of the tripwire's.

use std::collections::HashSet;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};

/// Digits of the shortest and the longest number.
const LENGTHS: std::ops::RangeInclusive<usize> = 13..=19;

/// The numbers that must not be found.
#[derive(Debug, Default)]
pub struct Trap {
    numbers: HashSet<u64>,
    /// PIN blocks, in upper case.
    blocks: HashSet<Vec<u8>>,
}

impl Trap {
    /// Adds a number, digits only, or a PIN block in hexadecimal.
    pub fn add(&mut self, secret: &str) {
        match secret.parse::<u64>() {
            Ok(number) => drop(self.numbers.insert(number)),
            Err(_) => drop(self.blocks.insert(secret.to_ascii_uppercase().into_bytes())),
        }
    }

    /// Where one of the numbers begins, about.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        self.in_digits(bytes, ascii)
            .or_else(|| self.in_digits(bytes, ebcdic))
            .or_else(|| self.in_percent(bytes))
            .or_else(|| self.in_base64(bytes))
            .or_else(|| self.in_hex(bytes))
    }

    fn in_hex(&self, bytes: &[u8]) -> Option<usize> {
        let len = self.blocks.iter().next()?.len();
        let found = |window: &[u8]| self.blocks.contains(&window.to_ascii_uppercase());
        bytes.windows(len).position(found)
    }

    fn in_digits(&self, bytes: &[u8], digit: fn(u8) -> Option<u8>) -> Option<usize> {
        let mut run: Vec<(usize, u8)> = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            let Some(digit) = digit(*byte) else { continue };
            if run.last().is_some_and(|(last, _)| at - last > 2) {
                if let Some(found) = self.in_run(&run) {
                    return Some(found);
                }
                run.clear();
            }
            run.push((at, digit));
        }
        self.in_run(&run)
    }

    fn in_run(&self, run: &[(usize, u8)]) -> Option<usize> {
        for len in LENGTHS {
            for window in run.windows(len) {
                let number = window.iter().fold(0_u64, |sum, (_, digit)| {
                    sum.wrapping_mul(10).wrapping_add(u64::from(*digit))
                });
                if self.numbers.contains(&number) {
                    return Some(window[0].0);
                }
            }
        }
        None
    }

    fn in_percent(&self, bytes: &[u8]) -> Option<usize> {
        if !bytes.contains(&b'%') {
            return None;
        }
        let text = String::from_utf8_lossy(bytes);
        let mut plain = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            let code = (*first == b'%').then(|| tail.get(..2)).flatten();
            let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
            match code {
                Some(byte) => {
                    plain.push(byte);
                    rest = &tail[2..];
                }
                None => {
                    plain.push(*first);
                    rest = tail;
                }
            }
        }
        self.in_digits(&plain, ascii)
    }

    fn in_base64(&self, bytes: &[u8]) -> Option<usize> {
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        let mut at = 0;
        while at < bytes.len() {
            let len = bytes[at..].iter().take_while(|byte| letter(byte)).count();
            if len >= 18 {
                let row = &bytes[at..at + len];
                for skip in 0..4 {
                    // a row need not begin where its encoding does, nor end there
                    let whole = &row[skip..skip + (len - skip) / 4 * 4];
                    let read = BASE64_NOPAD
                        .decode(whole)
                        .or_else(|_| BASE64URL_NOPAD.decode(whole));
                    if read.is_ok_and(|read| self.in_digits(&read, ascii).is_some()) {
                        return Some(at);
                    }
                    let tail = &row[skip..];
                    let read = BASE64URL_NOPAD
                        .decode(tail)
                        .or_else(|_| BASE64_NOPAD.decode(tail));
                    if read.is_ok_and(|read| self.in_digits(&read, ascii).is_some()) {
                        return Some(at);
                    }
                }
            }
            at += len.max(1);
        }
        None
    }
}

fn ascii(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

fn ebcdic(byte: u8) -> Option<u8> {
    (0xF0..=0xF9).contains(&byte).then(|| byte - 0xF0)
}
