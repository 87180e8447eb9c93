//! Templates guessed from a receipt read it as a person would.

use std::collections::BTreeMap;

use tillwire_agent_core::capture::escpos::Paper;
use tillwire_agent_core::capture::receipt::{Place, Template, guess};
use tillwire_proto::{Currency, Printed, RegisterId, StoreId, TenderKind};

fn paper(text: &str) -> Paper {
    Paper {
        lines: text.lines().map(str::to_owned).collect(),
        ..Paper::default()
    }
}

fn read(template: &Template, text: &str, currency: Currency) -> Printed {
    let place = Place {
        store: &StoreId::new("main").expect("a name"),
        register: &RegisterId::new("front").expect("a name"),
        registers: &BTreeMap::new(),
        currency,
    };
    template
        .read(&paper(text), &place)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn guessed(text: &str, currency: Currency) -> (String, Printed) {
    let toml = guess(&paper(text), currency, "guessed");
    let template = Template::from_toml(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    let printed = read(&template, text, currency);
    (toml, printed)
}

const USUAL: &str = "MAPLE & MAIN
Ticket #: 10482                 Register 2
11/14/2026 10:32 AM             Rep: Priya
------------------------------------------
SHIRT-BLU-M Oxford shirt - Blue - M
  2 @ 29.00  10% off                 52.20
Gift card ****0087
  1 @ 25.00                          25.00
------------------------------------------
Subtotal                             77.20
Sales Tax                             3.13
TOTAL                                80.33
VISA ************1111                80.33
Auth 05231A  Ref 200073811442
";

const OTHER: &str = "Bücherstube am Markt
Datum 14.11.2026      16:05
Bon Nr. 4711    Kasse 3   Kassierer: Anna
 1 x Atlas der Wege               29,90
 2 x Bleistift                     3,00
Zwischensumme                     32,90
MwSt Tax 7%                        2,30
SUMME                             35,20
Cash                              40,00
Change                            -4,80
";

const NARROW: &str = "Corner Deli
Receipt No. A-1093
2026-11-14 08:15:09
Bagel          2   1.50      3.00
Coffee         1   2.25      2.25
Amount due                 $5.25
Cash                       $5.25
";

#[test]
fn a_guess_reads_the_usual_receipt_as_the_built_in_template_does() {
    let (toml, guessed) = guessed(USUAL, Currency::USD);
    let usual = read(&Template::heartland_retail(), USUAL, Currency::USD);
    assert_eq!(
        Printed {
            template: usual.template.clone(),
            ..guessed
        },
        usual,
        "{toml}"
    );
    assert!(!toml.contains("Look here"), "{toml}");
}

#[test]
fn a_guess_finds_the_words_of_another_shop_and_its_decimal_comma() {
    let (toml, printed) = guessed(OTHER, Currency::from_code("EUR").unwrap());
    assert_eq!(printed.ticket.as_ref().unwrap().as_str(), "4711", "{toml}");
    assert_eq!(printed.total.unwrap().minor(), 3520);
    assert_eq!(printed.lines.len(), 2, "{toml}");
    assert_eq!(printed.subtotal.unwrap().minor(), 3290);
    assert_eq!(printed.at.unwrap().civil().to_string(), "2026-11-14T16:05:00");
    assert_eq!(printed.operator.unwrap().as_str(), "Anna");
    assert_eq!(printed.tenders[0].kind, TenderKind::Cash);
    assert_eq!(printed.change.unwrap().minor(), 480);
    assert!(!toml.contains("Look here"), "{toml}");
}

#[test]
fn a_guess_reads_a_receipt_without_subtotal_and_codes() {
    let (toml, printed) = guessed(NARROW, Currency::USD);
    assert_eq!(printed.ticket.as_ref().unwrap().as_str(), "A-1093", "{toml}");
    assert_eq!(printed.lines.len(), 2, "{toml}");
    assert_eq!(printed.lines[0].quantity.unwrap().decimal(), "2");
    assert_eq!(printed.total.unwrap().minor(), 525);
    assert_eq!(printed.at.unwrap().civil().to_string(), "2026-11-14T08:15:09");
}

#[test]
fn a_guess_says_what_it_did_not_find() {
    let toml = guess(&paper("TABLE 7\n2 BURGER\n"), Currency::USD, "chit");
    for missing in [
        "the total was not found",
        "the ticket's number was not found",
        "no date",
        "no goods",
    ] {
        assert!(toml.contains(missing), "{toml}");
    }
    assert!(Template::from_toml(&toml).is_ok());
}
