//! The page around every page, and the small things that all of them use.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};
use tillwire_proto::{Amount, Currency};
use tillwire_relay_core::fuel::{Gauge, SHORT_DAYS};
use tillwire_relay_core::people::Right;

use super::door::Guest;
use super::view::{Chip, Tone};

/// Which part of the pages one belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Now,
    Days,
    Exceptions,
    Fleet,
    Find,
    Approvals,
    People,
    Audit,
    Elsewhere,
}

/// The parts with their addresses, in the order in which a day's work goes through them.
const SECTIONS: [(Section, &str, &str); 8] = [
    (Section::Now, "/", "Now"),
    (Section::Days, "/days", "Store-days"),
    (Section::Exceptions, "/exceptions", "Exceptions"),
    (Section::Fleet, "/fleet", "Fleet"),
    (Section::Find, "/find", "Find"),
    (Section::Approvals, "/approvals", "Approvals"),
    (Section::People, "/people", "People"),
    (Section::Audit, "/audit", "Audit log"),
];

/// Whether somebody is shown the way there.
fn is_open(section: Section, guest: &Guest) -> bool {
    match section {
        Section::Now => guest.visitor.is_some() || guest.sight.sales,
        Section::Days | Section::Find => guest.may(Right::Sales),
        Section::Exceptions => !guest.sight.desks.is_empty(),
        Section::Fleet => guest.may(Right::Fleet),
        Section::Approvals => guest.may(Right::Sign) || guest.may(Right::Mapping),
        Section::People => guest.may(Right::People),
        Section::Audit => guest.may(Right::Audit),
        Section::Elsewhere => false,
    }
}

/// A whole page. `live` names the stream that keeps it up to date.
pub(super) fn page(
    guest: &Guest,
    here: Section,
    title: &str,
    crumb: Option<&str>,
    live: Option<&str>,
    body: &Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Tillwire" }
                link rel="icon" href="/assets/tillwire.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/tillwire.css";
                script src="/assets/tillwire.js" defer {}
            }
            body data-live=[live] {
                a.skip href="#content" { "Skip to content" }
                header.top {
                    a.mark href="/" { (logo()) "Tillwire" }
                    nav.sections aria-label="Parts" {
                        @for (section, path, name) in SECTIONS.into_iter().filter(|(section, ..)| is_open(*section, guest)) {
                            a href=(path) aria-current=[(section == here).then_some(if crumb.is_some() { "true" } else { "page" })] { (name) }
                        }
                    }
                    @if let Some(crumb) = crumb { span.crumbs { "/ " (crumb) } }
                    @if live.is_some() {
                        div.live data-state="wait" role="status" { i aria-hidden="true" {} span { "connecting" } }
                    }
                    @if let Some(visitor) = &guest.visitor {
                        div.who {
                            a href="/account" { (visitor.person.name) }
                            (guest.form("/logout", "inline", &html! { button.button type="submit" { "Sign out" } }))
                        }
                    }
                }
                main #content { (body) }
            }
        }
    }
}

fn logo() -> Markup {
    html! {
        svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round"
            stroke-linejoin="round" aria-hidden="true" {
            path d="M5 4h14v24l-3.5-2.2L12 28l-3.5-2.2L5 28z" {}
            path d="M9 11h6M9 16h3M19 20c4 0 3-9 8-9" {}
            circle cx="27" cy="11" r="1.6" fill="currentColor" {}
        }
    }
}

/// A state: colour, mark and word.
pub(super) fn chip(chip: &Chip) -> Markup {
    let (class, mark) = match chip.tone {
        Tone::Good => ("chip good", "✓"),
        Tone::Wait => ("chip wait", "…"),
        Tone::Bad => ("chip bad", "!"),
        Tone::Idle => ("chip", "·"),
    };
    html! { span class=(class) data-mark=(mark) { (chip.word) } }
}

/// For how long a box or a store holds out without us, and what runs out first.
pub(super) fn fuel(gauge: Option<Gauge>) -> Markup {
    let Some(gauge) = gauge else {
        return html! { span.sub { "not told yet" } };
    };
    let tone = if gauge.days < SHORT_DAYS {
        Tone::Bad
    } else {
        Tone::Good
    };
    let days = match gauge.days {
        1 => "1 day".to_owned(),
        days @ 0..=999 => format!("{days} days"),
        _ => "over 999 days".to_owned(),
    };
    html! {
        (chip(&Chip { tone, word: days }))
        span.sub { (gauge.limit) @if gauge.is_clock_off { ", clock is off" } }
    }
}

/// Money as people of the currency write it: `$1,234.56`, `-$4.96`, `1,234 JPY`.
pub(super) fn money(amount: Amount) -> String {
    let text = amount.decimal();
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    if amount.currency() == Currency::USD {
        format!("{sign}${grouped}{point}{fraction}")
    } else {
        format!("{sign}{grouped}{point}{fraction} {}", amount.currency())
    }
}

/// Money that should be nothing: over or short.
pub(super) fn difference(amount: Option<Amount>) -> Markup {
    match amount {
        None => html! { span.sub { "not counted" } },
        Some(amount) if amount.is_zero() => html! { (money(amount)) },
        Some(amount) => {
            let word = if amount.is_negative() { "short" } else { "over" };
            html! { span.money.bad { (money(amount)) " " (word) } }
        }
    }
}

/// A moment: the server writes it in full, the page's script shows how long ago it is.
pub(super) fn moment(at_ms: i64) -> Markup {
    let text = Timestamp::from_millisecond(at_ms).map_or_else(
        |_| String::from("unknown"),
        |at| at.round(jiff::Unit::Second).unwrap_or(at).to_string(),
    );
    html! { time datetime=(text) data-ms=(at_ms) title=(text) { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped_by_thousands_and_signed_in_front() {
        for (minor, text) in [
            (123_456_789, "$1,234,567.89"),
            (-496, "-$4.96"),
            (0, "$0.00"),
            (100_000, "$1,000.00"),
        ] {
            assert_eq!(money(Amount::new(minor, Currency::USD)), text);
        }
        let yen = Currency::from_code("JPY").unwrap();
        assert_eq!(money(Amount::new(-1234, yen)), "-1,234 JPY");
    }
}
