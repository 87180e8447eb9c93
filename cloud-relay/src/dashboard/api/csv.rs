//! A list as a table: RFC 4180, UTF-8, one row per thing. A text that a spreadsheet would take for a formula is led by an
//! apostrophe: what a till wrote must not run on an accountant's desk.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

/// The answer with a table.
pub(super) fn table<T: Serialize>(name: &str, rows: &[T]) -> Result<Response, Response> {
    let text =
        text(rows).map_err(|error| super::problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"tillwire-{name}.csv\""),
        ),
    ];
    Ok((headers, text).into_response())
}

fn text<T: Serialize>(rows: &[T]) -> anyhow::Result<Vec<u8>> {
    let mut plain = csv::Writer::from_writer(Vec::new());
    for row in rows {
        plain.serialize(row)?;
    }
    let plain = plain.into_inner()?;
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(plain.as_slice())
        .records()
    {
        out.write_record(row?.iter().map(harmless))?;
    }
    Ok(out.into_inner()?)
}

fn harmless(text: &str) -> String {
    let is_number = text.parse::<i64>().is_ok() || is_decimal(text);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    all(whole) && all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        label: String,
        amount: String,
        name: Option<String>,
        count: u32,
    }

    #[test]
    fn a_table_has_its_names_first_and_runs_no_formula() {
        let row = |label: &str, amount: &str| Row {
            label: label.to_owned(),
            amount: amount.to_owned(),
            name: None,
            count: 3,
        };
        let rows = [
            row("=HYPERLINK(\"http://evil\")", "-12.50"),
            row("a \"quoted\", word", "-x"),
            row("+1 (555)", "7"),
        ];
        let text = String::from_utf8(text(&rows).unwrap()).unwrap();
        assert_eq!(text.lines().next(), Some("label,amount,name,count"));
        assert!(
            text.contains("\"'=HYPERLINK(\"\"http://evil\"\")\"") && text.contains("-12.50"),
            "{text}"
        );
        assert!(text.contains("'-x") && text.contains("'+1 (555)"), "{text}");
        assert!(text.contains("\"a \"\"quoted\"\", word\""), "{text}");
    }
}
