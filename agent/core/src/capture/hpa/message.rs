//! HPA messages: the elements below `<SIP>`, without card data.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::Event;
use zeroize::{Zeroize as _, Zeroizing};

use crate::capture::tripwire::{self, Kind, Redactions};

/// Elements below `<SIP>` that are read; the rest of a long report is passed over.
const ELEMENTS_MAX: usize = 256;

/// Elements whose text is card data, or a picture of a signature.
const TAKEN_OUT: [(&str, Kind); 9] = [
    ("MaskedPAN", Kind::IssuerDigits),
    ("CardHolderName", Kind::HolderName),
    ("ExpirationDate", Kind::Expiry),
    ("ExpiryDate", Kind::Expiry),
    ("TokenValue", Kind::Token),
    ("AttachmentData", Kind::HolderName),
    ("TrackData", Kind::Track),
    ("PAN", Kind::CardNumber),
    ("CVV", Kind::CardCode),
];

/// A message of either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    elements: BTreeMap<String, String>,
    /// The message as kept.
    pub(super) raw: Vec<u8>,
    /// What was taken out.
    pub(super) redactions: Redactions,
}

impl Message {
    /// An element's text, when it says something.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let text = self.elements.get(name)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// True for `1` and its like.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|text| !matches!(text, "0" | "N" | "n" | "false"))
    }
}

/// Reads a frame's XML; an error in words.
pub(super) fn read(mut text: Zeroizing<Vec<u8>>) -> Result<Message, String> {
    let mut redactions = Redactions::default();
    let mut raw = std::mem::take(&mut *text);
    for (name, kind) in TAKEN_OUT {
        take_out(&mut raw, name, kind, &mut redactions);
    }
    redactions.merge(&tripwire::sweep(&mut raw));
    match elements(&raw) {
        Ok(elements) => Ok(Message {
            elements,
            raw,
            redactions,
        }),
        Err(words) => {
            raw.zeroize();
            Err(words)
        }
    }
}

/// Replaces the text of every element of that name; of a masked number the last four stay.
fn take_out(raw: &mut Vec<u8>, name: &str, kind: Kind, redactions: &mut Redactions) {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut from = 0;
    while let Some(start) = find(&raw[from..], open.as_bytes()).map(|at| from + at + open.len()) {
        let Some(len) = find(&raw[start..], close.as_bytes()) else {
            return;
        };
        if len > 0 {
            let tail = raw[start..start + len].last_chunk::<4>().copied();
            let last4 = tail.filter(|four| kind == Kind::IssuerDigits && four.iter().all(u8::is_ascii_digit));
            let mut word = kind.name().as_bytes().to_vec();
            if let Some(four) = last4 {
                word.push(b' ');
                word.extend(four);
            }
            raw[start..start + len].zeroize();
            raw.splice(start..start + len, word);
            redactions.add(kind);
        }
        from = start;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The first text of each element directly below the root.
fn elements(raw: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let text = std::str::from_utf8(raw).map_err(|_| "found bytes that are no text, wanted XML".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let event = reader.read_event();
        match event.map_err(|error| format!("found no XML that can be read: {error}"))? {
            Event::Start(tag) => {
                path.push(tag.local_name().as_ref().to_owned());
                if path.len() > 8 {
                    return Err("found elements nested deeper than 8".to_owned());
                }
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) => {
                if let [_, name] = path.as_slice()
                    && found.len() < ELEMENTS_MAX
                {
                    found.entry(name.clone()).or_default().push_str(&text);
                }
            }
            Event::DocType(_) => return Err("found a DOCTYPE, wanted plain XML".to_owned()),
            Event::Eof if path.is_empty() => return Ok(found),
            Event::Eof => return Err("found its end inside an element".to_owned()),
            _ => {}
        }
    }
}
