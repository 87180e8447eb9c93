//! A template: data, checked and compiled.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use tillwire_proto::{Code, TenderKind};

/// The template of Heartland Retail's usual receipt.
const HEARTLAND_RETAIL: &str = include_str!("heartland-retail.toml");

/// What `{money}` stands for: digits with separators, with or without a sign, a currency's mark or brackets.
const MONEY: &str = r"[-+(]?[$€£¥]? ?-?[0-9][0-9.,]*-?\)?";

/// What `{quantity}` stands for.
const QUANTITY: &str = r"-?[0-9]+(?:[.,][0-9]+)?";

/// Most lines that one pattern may span.
const SPAN_MAX: usize = 4;

/// Why a template cannot be used. Says where and what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("receipt template: {at}: {why}")]
pub struct TemplateError {
    at: String,
    why: String,
}

impl TemplateError {
    fn new(at: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self {
            at: at.to_string(),
            why: why.to_string().trim_end().to_owned(),
        }
    }
}

/// A template as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) name: String,
    #[serde(default = "point")]
    pub(super) decimal: char,
    #[serde(default)]
    pub(super) times: Vec<String>,
    #[serde(default)]
    pub(super) words: Words,
    pub(super) lines: Lines,
}

const fn point() -> char {
    '.'
}

/// Lines that say what kind of paper it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Words {
    pub(super) copy: Vec<String>,
    pub(super) r#return: Vec<String>,
    pub(super) exchange: Vec<String>,
    pub(super) void: Vec<String>,
    pub(super) no_sale: Vec<String>,
}

/// Lines that carry something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Lines {
    pub(super) item: Vec<String>,
    pub(super) subtotal: Vec<String>,
    pub(super) tax: Vec<String>,
    pub(super) total: Vec<String>,
    pub(super) change: Vec<String>,
    pub(super) discount: Vec<String>,
    pub(super) card: Vec<String>,
    pub(super) head: Vec<String>,
    pub(super) tender: BTreeMap<String, Vec<String>>,
}

/// What a pattern's line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Item,
    Subtotal,
    Tax,
    Total,
    Change,
    Discount,
    Tender(TenderKind),
    Card,
    Head,
    Copy,
    Kind(tillwire_proto::TransactionKind),
}

impl What {
    /// Its key in a template's file.
    pub(super) fn word(&self) -> String {
        use tillwire_proto::TransactionKind as Kind;
        match self {
            Self::Tender(kind) => format!("tender.{}", kind.name()),
            Self::Kind(Kind::Exchange) => "exchange".to_owned(),
            Self::Kind(Kind::Void) => "void".to_owned(),
            Self::Kind(Kind::NoSale) => "no_sale".to_owned(),
            Self::Kind(_) => "return".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// The named groups that such a line may have; it must have the first when that is an amount.
    const fn groups(&self) -> &'static [&'static str] {
        match self {
            Self::Item => &["extended", "sku", "description", "quantity", "price"],
            Self::Subtotal | Self::Total | Self::Change => &["amount"],
            Self::Tax => &["amount", "label", "rate"],
            Self::Discount => &["amount", "label"],
            Self::Tender(_) => &["amount", "label", "last4", "auth", "reference", "entry"],
            Self::Card => &["auth", "reference", "last4", "entry"],
            Self::Head => &["ticket", "register", "cashier", "date", "time"],
            Self::Copy | Self::Kind(_) => &[],
        }
    }
}

/// One compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) what: What,
    pub(super) regex: Regex,
    /// How many lines it looks at.
    pub(super) span: usize,
}

/// A store's receipt, as data. Cheap to clone.
#[derive(Clone)]
pub struct Template(Arc<Compiled>);

#[derive(Debug)]
pub(super) struct Compiled {
    written: Written,
    pub(super) name: Code,
    pub(super) decimal: char,
    pub(super) times: Vec<String>,
    pub(super) lines: Vec<Pattern>,
    pub(super) words: Vec<Pattern>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] with the line of the file, or the pattern, and what is wanted there.
    pub fn from_toml(text: &str) -> Result<Self, TemplateError> {
        let written: Written = toml::from_str(text).map_err(|error| TemplateError::new("file", error))?;
        Self::compile(written)
    }

    /// The template of Heartland Retail's usual receipt.
    ///
    /// # Panics
    /// Never: a test reads the file that is built in.
    #[must_use]
    pub fn heartland_retail() -> Self {
        Self::from_toml(HEARTLAND_RETAIL).expect("the built-in template is valid")
    }

    pub(super) fn compile(written: Written) -> Result<Self, TemplateError> {
        let name = Code::new(&written.name).map_err(|error| TemplateError::new("name", error))?;
        let compiled = Compiled {
            name,
            decimal: written.decimal,
            times: written.times.clone(),
            lines: line_patterns(&written.lines)?,
            words: word_patterns(&written.words)?,
            written,
        };
        for wanted in [What::Total, What::Head] {
            if !compiled.lines.iter().any(|pattern| pattern.what == wanted) {
                let name = format!("lines.{wanted:?}").to_lowercase();
                return Err(TemplateError::new(name, "found no pattern, wanted one at least"));
            }
        }
        Ok(Self(Arc::new(compiled)))
    }

    /// Its name, which every record that it read carries.
    #[must_use]
    pub fn name(&self) -> &Code {
        &self.0.name
    }

    pub(super) fn written(&self) -> &Written {
        &self.0.written
    }

    pub(super) fn compiled(&self) -> &Compiled {
        &self.0
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.0.written == other.0.written
    }
}

impl Eq for Template {}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({})", self.0.name)
    }
}

fn line_patterns(lines: &Lines) -> Result<Vec<Pattern>, TemplateError> {
    let fixed = [
        ("item", What::Item, &lines.item),
        ("subtotal", What::Subtotal, &lines.subtotal),
        ("tax", What::Tax, &lines.tax),
        ("total", What::Total, &lines.total),
        ("change", What::Change, &lines.change),
        ("discount", What::Discount, &lines.discount),
    ];
    let last = [
        ("card", What::Card, &lines.card),
        ("head", What::Head, &lines.head),
    ];
    let mut found = Vec::new();
    for (name, what, texts) in fixed {
        compile_all(&format!("lines.{name}"), &what, texts, &mut found)?;
    }
    for (kind, texts) in &lines.tender {
        let at = format!("lines.tender.{kind}");
        let kind = kind.parse().map_err(|error| TemplateError::new(&at, error))?;
        compile_all(&at, &What::Tender(kind), texts, &mut found)?;
    }
    for (name, what, texts) in last {
        compile_all(&format!("lines.{name}"), &what, texts, &mut found)?;
    }
    Ok(found)
}

fn word_patterns(words: &Words) -> Result<Vec<Pattern>, TemplateError> {
    use tillwire_proto::TransactionKind as Kind;
    let all = [
        ("copy", What::Copy, &words.copy),
        ("return", What::Kind(Kind::Return), &words.r#return),
        ("exchange", What::Kind(Kind::Exchange), &words.exchange),
        ("void", What::Kind(Kind::Void), &words.void),
        ("no_sale", What::Kind(Kind::NoSale), &words.no_sale),
    ];
    let mut found = Vec::new();
    for (name, what, texts) in all {
        compile_all(&format!("words.{name}"), &what, texts, &mut found)?;
    }
    Ok(found)
}

fn compile_all(
    at: &str,
    what: &What,
    texts: &[String],
    found: &mut Vec<Pattern>,
) -> Result<(), TemplateError> {
    for (index, text) in texts.iter().enumerate() {
        let wrong = |why: String| TemplateError::new(format_args!("{at}[{}]", index + 1), why);
        let expanded = text.replace("{money}", MONEY).replace("{quantity}", QUANTITY);
        let regex = Regex::new(&format!("^(?:{expanded})$")).map_err(|error| wrong(error.to_string()))?;
        let wanted = what.groups();
        let groups: Vec<&str> = regex.capture_names().flatten().collect();
        if let Some(strange) = groups.iter().find(|name| !wanted.contains(name)) {
            return Err(wrong(format!(
                "found group {strange:?}, wanted any of {wanted:?}"
            )));
        }
        let needed = wanted
            .first()
            .filter(|first| matches!(**first, "amount" | "extended"));
        if let Some(needed) = needed.filter(|needed| !groups.contains(needed)) {
            return Err(wrong(format!("found no group {needed:?}, wanted (?<{needed}>…)")));
        }
        let span = 1 + text.matches(r"\n").count();
        if span > SPAN_MAX {
            return Err(wrong(format!("found {span} lines, wanted at most {SPAN_MAX}")));
        }
        found.push(Pattern {
            what: what.clone(),
            regex,
            span,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Template::from_toml(text).unwrap_err().to_string()
    }

    const MINIMAL: &str =
        "name = 'x'\n[lines]\ntotal = ['TOTAL (?<amount>{money})']\nhead = ['No (?<ticket>.+)']\n";

    #[test]
    fn the_built_in_template_is_valid() {
        assert_eq!(Template::heartland_retail().name().as_str(), "heartland-retail");
        assert!(Template::from_toml(MINIMAL).is_ok());
    }

    #[test]
    fn a_wrong_template_says_where_and_what_is_wanted() {
        let wrong = error(&MINIMAL.replace("amount", "amuont"));
        assert!(
            wrong.contains("lines.total[1]") && wrong.contains("amuont") && wrong.contains("amount"),
            "{wrong}"
        );
        let wrong = error(&MINIMAL.replace("(?<amount>{money})", "{money}"));
        assert!(wrong.contains("found no group \"amount\""), "{wrong}");
        let wrong = error(&MINIMAL.replace("No (", "No (("));
        assert!(wrong.contains("lines.head[1]"), "{wrong}");
        let wrong = error(&MINIMAL.replace("total =", "totals ="));
        assert!(
            wrong.contains("unknown field `totals`") && wrong.contains("line 3"),
            "{wrong}"
        );
        let wrong = error("name = 'x'\n[lines]\nhead = ['No (?<ticket>.+)']\n");
        assert!(wrong.contains("lines.total: found no pattern"), "{wrong}");
    }
}
