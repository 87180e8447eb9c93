//! What may be kept of a report's bytes: nothing of a card but its last four digits. A report with a whole card number
//! is not taken; issuer digits before a mask, and cardholders' names and expiry dates, are blanked.

use tillwire_proto::pan;

use super::read::ReportError;

/// Fields that hold what nobody needs here, as JSON keys, XML elements and their like write them.
const BLANKED: [&str; 12] = [
    "CardHolderName",
    "CardHolderFirstName",
    "CardHolderLastName",
    "CardHolderEmail",
    "cardholder_name",
    "cardHolderName",
    "ExpDate",
    "ExpMonth",
    "ExpYear",
    "expiry_month",
    "expiry_year",
    "expiryDate",
];

/// The text as it may be kept.
///
/// # Errors
/// [`ReportError`] when it holds a card number, which is not repeated.
pub(super) fn of(text: &str) -> Result<String, ReportError> {
    if pan::holds_card_number(text.as_bytes()) {
        let words =
            "holds a whole card number; ask the processor for a report with masked ones, nothing was kept";
        return Err(ReportError::new("report", words));
    }
    let mut bytes = text.as_bytes().to_vec();
    blank_issuer_digits(&mut bytes);
    for field in BLANKED {
        blank_element(&mut bytes, field);
        blank_member(&mut bytes, &format!("\"{field}\""));
    }
    blank_payer(&mut bytes);
    // only ASCII digits and whole values between ASCII marks were replaced, byte for byte, by ASCII
    String::from_utf8(bytes).map_err(|error| ReportError::new("report", error))
}

/// `411111******1111` becomes `************1111`.
fn blank_issuer_digits(bytes: &mut [u8]) {
    let mask = |byte: u8| matches!(byte, b'*' | b'X' | b'x');
    let mut digits = 0;
    for place in 0..bytes.len() {
        if bytes[place].is_ascii_digit() {
            digits += 1;
        } else {
            let masked = bytes[place..].iter().take(4).filter(|byte| mask(**byte)).count() == 4;
            if masked && digits >= 4 {
                bytes[place - digits..place].fill(b'*');
            }
            digits = 0;
        }
    }
}

fn blank_element(bytes: &mut [u8], field: &str) {
    let (open, close) = (format!("<{field}>"), format!("</{field}>"));
    let mut from = 0;
    while let Some(start) = find(bytes, open.as_bytes(), from) {
        let value = start + open.len();
        let Some(end) = find(bytes, close.as_bytes(), value) else {
            return;
        };
        bytes[value..end].fill(b'*');
        from = end;
    }
}

/// The text value of a JSON member. Escaped quotes inside it are part of it.
fn blank_member(bytes: &mut [u8], key: &str) {
    let mut from = 0;
    while let Some(start) = find(bytes, key.as_bytes(), from) {
        from = start + key.len();
        let rest = &bytes[from..];
        let gap = rest
            .iter()
            .take_while(|b| b.is_ascii_whitespace() || **b == b':')
            .count();
        if rest.get(gap) != Some(&b'"') {
            continue;
        }
        let value = from + gap + 1;
        let mut end = value;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let end = end.min(bytes.len());
        bytes[value..end].fill(b'*');
        from = end;
    }
}

/// GP-API's `payment_method` begins with who paid: its `name`, before any inner object.
fn blank_payer(bytes: &mut [u8]) {
    let key = b"\"payment_method\"";
    let mut from = 0;
    while let Some(start) = find(bytes, key, from) {
        from = start + key.len();
        let Some(open) = find(bytes, b"{", from) else {
            return;
        };
        let mut depth = 0_usize;
        let length = bytes[open..].iter().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        });
        let end = length.map_or(bytes.len(), |length| open + length);
        blank_member(&mut bytes[open..end], "\"name\"");
    }
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(what.len())
        .position(|window| window == what)
        .map(|place| from + place)
}
