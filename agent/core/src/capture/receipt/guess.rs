//! A first template from one receipt: what its lines look like, for a person to correct.
//!
//! The guess tries shapes that receipts have and keeps those that this receipt shows. Goods are the shape whose
//! amounts add up to the subtotal.

use regex_lite::{Regex, escape};
use tillwire_proto::{Amount, Currency};

use super::found::Found;
use super::template::{Template, Written};
use crate::capture::escpos::Paper;

/// Ways in which receipts write goods, the surest first. Each is a set of patterns that go together.
const ITEMS: [&[&str]; 6] = [
    &[
        r"(?<sku>[A-Z0-9][A-Z0-9.-]*) +(?<description>.+)\n(?<quantity>{quantity}) ?[@xX] ?(?<price>{money})(?: .*)? (?<extended>{money})",
        r"(?<description>.+)\n(?<quantity>{quantity}) ?[@xX] ?(?<price>{money})(?: .*)? (?<extended>{money})",
    ],
    &[r"(?<quantity>{quantity}) ?[xX]? +(?<description>.+?) +[@xX] ?(?<price>{money}) +(?<extended>{money})"],
    &[
        r"(?<sku>[A-Z0-9-]*[0-9][A-Z0-9-]*) +(?<description>.+?) +(?<quantity>{quantity}) +(?<price>{money}) +(?<extended>{money})",
    ],
    &[r"(?<description>.+?) +(?<quantity>{quantity}) +(?:[@xX] ?)?(?<price>{money}) +(?<extended>{money})"],
    &[r"(?<quantity>{quantity}) ?[xX]? +(?<description>.+?) +(?<extended>{money})"],
    &[r"(?<description>.+?)  +(?<extended>{money})"],
];

/// Words before what heads a receipt, the group that it is, and what its value looks like.
const HEADS: [(&str, &str, &str); 3] = [
    (
        r"(?i)\b(?:ticket|receipt|order|sale|trans(?:action)?|invoice|check|bill|beleg|bon)\b *(?:(?:no|nr|num|number|id)\b\.?)? *[:#]*",
        "ticket",
        "[A-Za-z0-9-]*[0-9][A-Za-z0-9-]*",
    ),
    (
        r"(?i)\b(?:register|station|till|terminal|lane|pos|kasse)\b *[:#]*",
        "register",
        r"[A-Za-z0-9-]+",
    ),
    (
        r"(?i)\b(?:rep|cashier|clerk|server|associate|served by|kassierer)\b *[:#]*",
        "cashier",
        r"[^ ].*?",
    ),
];

/// Dates and times, with the formats that may be meant.
const DATES: [(&str, &[&str]); 4] = [
    (r"\d\d?/\d\d?/\d{4}", &["%m/%d/%Y", "%d/%m/%Y"]),
    (r"\d\d?/\d\d?/\d\d", &["%m/%d/%y", "%d/%m/%y"]),
    (r"\d{4}-\d\d-\d\d", &["%Y-%m-%d"]),
    (r"\d\d?\.\d\d?\.\d{4}", &["%d.%m.%Y"]),
];
const TIMES: [(&str, &str); 4] = [
    (r"\d\d?:\d\d:\d\d ?[AaPp][Mm]", "%I:%M:%S %p"),
    (r"\d\d?:\d\d ?[AaPp][Mm]", "%I:%M %p"),
    (r"\d\d?:\d\d:\d\d", "%H:%M:%S"),
    (r"\d\d?:\d\d", "%H:%M"),
];

/// Words of sums.
const TOTAL: &str =
    r"(?i)(?<label>(?:grand )?total|amount due|balance due|to pay|summe|gesamt|total due)\b[^\d]*?";
const SUBTOTAL: &str = r"(?i)(?<label>sub-? ?total|merchandise|net|zwischensumme)\b[^\d]*?";

/// Guesses a template named `name`, as TOML with remarks on what to look at.
#[must_use]
pub fn guess(paper: &Paper, currency: Currency, name: &str) -> String {
    let lines: Vec<&str> = paper
        .lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    let mut written = Template::heartland_retail().written().clone();
    name.clone_into(&mut written.name);
    let mut remarks = Vec::new();
    let total = sum(&lines, TOTAL);
    written.decimal = total.as_ref().map_or('.', |(_, text)| decimal(text));
    match &total {
        Some((pattern, _)) => written.lines.total = vec![pattern.clone()],
        None => remarks.push("the total was not found; lines.total is Heartland Retail's"),
    }
    if let Some((pattern, _)) = sum(&lines, SUBTOTAL) {
        written.lines.subtotal = vec![pattern];
    }
    let heads = heads(&lines);
    if !heads.iter().any(|head| head.contains("(?<ticket>")) {
        remarks.push("the ticket's number was not found; lines.head is Heartland Retail's");
    } else {
        written.lines.head = heads;
    }
    match times(&lines) {
        Some(format) => written.times = vec![format],
        None => remarks.push("no date and time were found"),
    }
    if !items(&lines, &mut written, currency) {
        remarks.push("no goods were found that add up to the subtotal or the total");
    }
    keep_what_is_used(&lines, &mut written, currency);
    let mut text = String::from(
        "# Guessed from one receipt. Look at each pattern, try it with `tillwire-agent receipt read FILE --template THIS`,\n\
         # and with receipts of a return, a split tender and a discount, which this one may not show.\n",
    );
    for remark in remarks {
        text.push_str(&format!("# Look here: {remark}.\n"));
    }
    text.push_str(&toml::to_string(&written).unwrap_or_default());
    text
}

/// The last line of a sum: a pattern for it, and its amount as printed.
fn sum(lines: &[&str], words: &str) -> Option<(String, String)> {
    let regex = Regex::new(&format!(
        "^{words}(?<amount>[-+(]?[$€£¥]? ?-?[0-9][0-9.,]*)[^0-9]*$"
    ))
    .ok()?;
    let found = lines.iter().rev().find_map(|line| regex.captures(line))?;
    let label = escape(found.name("label")?.as_str());
    let amount = found.name("amount")?.as_str().to_owned();
    Some((format!(r"{label}[^\d]*? *(?<amount>{{money}})[^\d]*"), amount))
}

/// What stands before the last two digits.
fn decimal(text: &str) -> char {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    match digits
        .len()
        .checked_sub(3)
        .and_then(|at| digits.as_bytes().get(at))
    {
        Some(b',') => ',',
        _ => '.',
    }
}

/// Patterns for the lines that name ticket, register, cashier and time; one for each such line.
fn heads(lines: &[&str]) -> Vec<String> {
    let mut taken: Vec<&str> = Vec::new();
    lines.iter().filter_map(|line| head(line, &mut taken)).collect()
}

/// A pattern for one line. Each group is taken once in a receipt.
fn head(line: &str, taken: &mut Vec<&str>) -> Option<String> {
    let mut parts: Vec<(usize, usize, String)> = Vec::new();
    for (words, group, value) in HEADS {
        let ends = if group == "cashier" { "(?:  |$)" } else { "" };
        let Ok(regex) = Regex::new(&format!("(?<label>{words}) *(?<value>{value}){ends}")) else {
            continue;
        };
        let Some(found) = regex.captures(line).filter(|_| !taken.contains(&group)) else {
            continue;
        };
        if let (Some(label), Some(whole)) = (found.name("label"), found.name("value")) {
            taken.push(group);
            let label_text = escape(label.as_str().trim_end());
            parts.push((
                label.start(),
                whole.end(),
                format!("{label_text} *(?<{group}>{value})"),
            ));
        }
    }
    let dates = DATES.iter().map(|(shape, _)| ("date", *shape));
    for (group, shape) in dates.chain(TIMES.iter().map(|(shape, _)| ("time", *shape))) {
        let found = Regex::new(shape)
            .ok()
            .and_then(|regex| regex.find(line).map(|found| (found.start(), found.end())));
        if let Some((start, end)) = found.filter(|_| !taken.contains(&group)) {
            taken.push(group);
            parts.push((start, end, format!("(?<{group}>{shape})")));
        }
    }
    parts.sort();
    let (first, last) = (parts.first()?, parts.last()?);
    let before = if first.0 > 0 { ".*?" } else { "" };
    let after = if last.1 < line.len() { ".*" } else { "" };
    let middle = parts
        .iter()
        .map(|(_, _, pattern)| pattern.as_str())
        .collect::<Vec<_>>();
    Some(format!("{before}{}{after}", middle.join(".*?")))
}

/// The format of date and time as they are printed.
fn times(lines: &[&str]) -> Option<String> {
    let find = |shape: &str| {
        let regex = Regex::new(shape).ok()?;
        lines
            .iter()
            .find_map(|line| regex.find(line).map(|found| found.as_str().to_owned()))
    };
    let (time, time_format) = TIMES
        .iter()
        .find_map(|(shape, format)| Some((find(shape)?, *format)))?;
    DATES.iter().find_map(|(shape, formats)| {
        let date = find(shape)?;
        let text = format!("{date} {time}");
        let formats = formats.iter().map(|format| format!("{format} {time_format}"));
        formats
            .into_iter()
            .find(|format| jiff::civil::DateTime::strptime(format, &text).is_ok())
    })
}

/// The way of writing goods that adds up; false when none does.
fn items(lines: &[&str], written: &mut Written, currency: Currency) -> bool {
    for shape in ITEMS {
        written.lines.item = shape.iter().map(|pattern| (*pattern).to_owned()).collect();
        // goods stand above the sums: what is below cannot be taken for goods
        let Some(end) = lines.iter().position(|line| is_sum(line, written)) else {
            return false;
        };
        let Ok(template) = Template::compile(written.clone()) else {
            continue;
        };
        let goods = Found::on(&lines[..end], template.compiled(), currency);
        let sums = Found::on(&lines[end..], template.compiled(), currency);
        let taxes = Amount::sum(sums.taxes.iter().map(|tax| tax.amount), currency);
        let before_tax = sums.total.and_then(|total| total.checked_sub(taxes.ok()?).ok());
        let goods_sum = Amount::sum(goods.lines.iter().map(|line| line.extended), currency).ok();
        if !goods.lines.is_empty()
            && goods_sum.is_some()
            && (goods_sum == sums.subtotal || goods_sum == before_tax || goods_sum == sums.total)
        {
            return true;
        }
    }
    false
}

fn is_sum(line: &str, written: &Written) -> bool {
    let patterns = written
        .lines
        .subtotal
        .iter()
        .chain(&written.lines.total)
        .chain(&written.lines.tax);
    let patterns = patterns.map(|pattern| pattern.replace("{money}", r"[-+(]?[$€£¥]? ?-?[0-9][0-9.,]*-?\)?"));
    patterns
        .into_iter()
        .any(|pattern| Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(line)))
}

/// Drops tenders that this receipt does not show, but for cash and card, which every store takes.
fn keep_what_is_used(lines: &[&str], written: &mut Written, currency: Currency) {
    let Ok(template) = Template::compile(written.clone()) else {
        return;
    };
    let mut used = vec!["tender.cash".to_owned(), "tender.card".to_owned()];
    Found::told(lines, template.compiled(), currency, &mut |what, _| {
        used.extend(what.map(super::template::What::word));
    });
    written
        .lines
        .tender
        .retain(|kind, _| used.contains(&format!("tender.{kind}")));
}
