//! PAX messages: fields behind 1C, members of a field behind 1F. Which member holds card data is known by its place, and
//! it is taken out there.

use zeroize::{Zeroize as _, Zeroizing};

use crate::capture::tripwire::{self, Kind, Redactions};

const FIELD: u8 = 0x1c;
const MEMBER: u8 = 0x1f;

/// What a request or answer is about, by its first command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// T00, T02, T04, T06: card payments.
    Payment,
    /// B00, B02: a batch is closed.
    BatchClose,
    /// B08: the offline store is sent on.
    SafUpload,
    /// B10: the offline store is deleted.
    SafDelete,
}

/// A message of either side, without card data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// `T00`, or `T01` in an answer.
    pub(super) command: String,
    /// In an answer its device code and text.
    pub(super) device: Option<(String, String)>,
    /// The fields behind these, each with its members.
    pub(super) fields: Vec<Vec<String>>,
    /// The message as kept.
    pub(super) raw: Vec<u8>,
    /// What was taken out.
    pub(super) redactions: Redactions,
}

impl Message {
    /// A member, when there is one and it says something.
    pub(super) fn member(&self, field: usize, member: usize) -> Option<&str> {
        let text = self.fields.get(field)?.get(member)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// `KEY=VALUE` in the last field.
    pub(super) fn extra(&self, key: &str) -> Option<&str> {
        let found = self.fields.last()?.iter().find_map(|member| {
            let (name, value) = member.split_once('=')?;
            (name == key).then_some(value.trim())
        });
        found.filter(|value| !value.is_empty())
    }

    /// What it is about; `None` for everything that moves no card money and reports none.
    pub(super) fn family(&self) -> Option<Family> {
        let letter = self.command.get(..1)?;
        let number: u8 = self.command.get(1..)?.parse().ok()?;
        match (letter, number - number % 2) {
            ("T", 0 | 2 | 4 | 6) => Some(Family::Payment),
            ("B", 0 | 2) => Some(Family::BatchClose),
            ("B", 8) => Some(Family::SafUpload),
            ("B", 10) => Some(Family::SafDelete),
            _ => None,
        }
    }
}

/// Reads a frame's text. `None` for what has no command where one belongs.
pub(super) fn read(mut text: Zeroizing<Vec<u8>>) -> Option<Message> {
    let mut redactions = Redactions::default();
    let mut fields: Vec<Vec<Vec<u8>>> = text
        .split(|byte| *byte == FIELD)
        .map(|field| field.split(|byte| *byte == MEMBER).map(<[u8]>::to_vec).collect())
        .collect();
    text.zeroize();
    let first = word(&fields, 0)?;
    // a request begins with its command, an answer with a status and then the command
    let is_answer = !is_command(&first);
    let (command, head) = if is_answer {
        (word(&fields, 1)?, 5)
    } else {
        (first, 2)
    };
    if !is_command(&command) {
        wipe(&mut fields);
        return None;
    }
    take_out(&command, &mut fields, head, &mut redactions);
    let mut raw = join(&fields);
    redactions.merge(&tripwire::sweep(&mut raw));
    wipe(&mut fields);
    // what is read is what is kept: nothing that the tripwire replaced can come back through a field
    let kept: Vec<Vec<String>> = raw
        .split(|byte| *byte == FIELD)
        .map(|field| {
            let members = field.split(|byte| *byte == MEMBER);
            members
                .map(|member| String::from_utf8_lossy(member).into_owned())
                .collect()
        })
        .collect();
    let at = |index: usize| kept.get(index).and_then(|field| field.first()).cloned();
    let device = is_answer.then(|| (at(3).unwrap_or_default(), at(4).unwrap_or_default()));
    let fields = kept.into_iter().skip(head).collect();
    Some(Message {
        command,
        device,
        fields,
        raw,
        redactions,
    })
}

fn word(fields: &[Vec<Vec<u8>>], index: usize) -> Option<String> {
    String::from_utf8(fields.get(index)?.first()?.clone()).ok()
}

fn is_command(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() == 3
        && bytes.next().is_some_and(|b| b.is_ascii_uppercase())
        && bytes.all(|b| b.is_ascii_digit())
}

/// Takes card data out by its place: the account group of requests (number, expiry, code) and answers (anything longer
/// than the last four, expiry, holder), a check's account and its writer, and what is named in the last field.
fn take_out(command: &str, fields: &mut [Vec<Vec<u8>>], head: usize, redactions: &mut Redactions) {
    let is_answer = head == 5;
    if command.starts_with('T') {
        let account = if is_answer { head + 3 } else { head + 2 };
        if let Some(account) = fields.get_mut(account) {
            for (place, member) in account.iter_mut().enumerate() {
                let kind = match (is_answer, place) {
                    (_, 0) => Some(Kind::CardNumber),
                    (false, 1) | (true, 2) => Some(Kind::Expiry),
                    (false, 2) => Some(Kind::CardCode),
                    (true, 5) => Some(Kind::CardNumber),
                    (true, 7) => Some(Kind::HolderName),
                    _ => None,
                };
                if let Some(kind) = kind {
                    replace(member, kind, redactions);
                }
            }
        }
    }
    if matches!(command, "T12" | "T13")
        && let Some(check) = fields.get_mut(head + 2)
    {
        for member in check.iter_mut().skip(1) {
            replace(member, Kind::HolderName, redactions);
        }
    }
    const NAMED: [(&[u8], Kind); 6] = [
        (b"ORIGPAN=", Kind::CardNumber),
        (b"ORIGEXPIRYDATE=", Kind::Expiry),
        (b"CARDBIN=", Kind::IssuerDigits),
        (b"TOKEN=", Kind::Token),
        (b"PASSTHRUDATA=", Kind::Encrypted),
        (b"CARDHOLDER=", Kind::HolderName),
    ];
    for member in fields.iter_mut().skip(head).flatten() {
        for (name, kind) in NAMED {
            if member.starts_with(name) {
                let mut value = member.split_off(name.len());
                replace(&mut value, kind, redactions);
                member.append(&mut value);
            }
        }
    }
}

/// The last four of an account stay, all else becomes its kind's word.
fn replace(member: &mut Vec<u8>, kind: Kind, redactions: &mut Redactions) {
    let is_last4 = kind == Kind::CardNumber && member.len() == 4 && member.iter().all(u8::is_ascii_digit);
    if member.is_empty() || is_last4 {
        return;
    }
    let digits = member.len().checked_sub(4).map(|at| member[at..].to_vec());
    let last4 = digits.filter(|four| kind == Kind::CardNumber && four.iter().all(u8::is_ascii_digit));
    // the terminal masks an account with stars: that is no card number
    let masked = kind == Kind::CardNumber && member.contains(&b'*');
    let kind = if masked { Kind::IssuerDigits } else { kind };
    member.zeroize();
    *member = kind.name().as_bytes().to_vec();
    if let Some(four) = last4 {
        member.push(b' ');
        member.extend(four);
    }
    redactions.add(kind);
}

fn join(fields: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let fields: Vec<Vec<u8>> = fields.iter().map(|field| field.join(&MEMBER)).collect();
    fields.join(&FIELD)
}

fn wipe(fields: &mut [Vec<Vec<u8>>]) {
    for member in fields.iter_mut().flatten() {
        member.zeroize();
    }
}
