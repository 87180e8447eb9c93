//! One JSON value as the text that the source wrote: `26.10` stays `26.10`. No number ever becomes a float, and a
//! figure in quotes reads as the figure, because sources do both.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A JSON value that was not read yet. An absent value, `null` and an empty string are all *nothing*.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scalar<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

impl<'a> Scalar<'a> {
    /// The text of a string, number or boolean; `None` for nothing, objects and arrays.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        let raw = self.0?.get();
        let text = match raw.as_bytes().first()? {
            b'"' if raw.contains('\\') => Cow::Owned(serde_json::from_str(raw).ok()?),
            b'"' => Cow::Borrowed(raw.get(1..raw.len() - 1)?),
            b'{' | b'[' | b'n' => return None,
            _ => Cow::Borrowed(raw),
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// `true` or `false`, also in quotes or as `1` and `0`.
    pub fn flag(&self) -> Option<bool> {
        match &*self.text()? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }
}

/// A JSON object, and nothing else. A derived reader alone would take an array for it, value by value in the order
/// of our fields, and make money of noise.
#[derive(Debug, Clone, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        if !raw.starts_with('{') {
            return Err(D::Error::custom("found another value, wanted an object"));
        }
        serde_json::from_str(raw).map(Self).map_err(D::Error::custom)
    }
}

impl<T> std::ops::Deref for Object<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Row<'a> {
        #[serde(borrow, default)]
        v: Scalar<'a>,
    }

    #[test]
    fn a_figure_keeps_the_digits_it_was_written_with() {
        let read = |json: &str| {
            serde_json::from_str::<Row<'_>>(json)
                .unwrap()
                .v
                .text()
                .map(Cow::into_owned)
        };
        assert_eq!(read(r#"{"v":26.10}"#).as_deref(), Some("26.10"));
        assert_eq!(read(r#"{"v":"26.10"}"#).as_deref(), Some("26.10"));
        assert_eq!(
            read(r#"{"v":9007199254740993}"#).as_deref(),
            Some("9007199254740993")
        );
        assert_eq!(read(r#"{"v":"a\u0041"}"#).as_deref(), Some("aA"));
        for nothing in [
            r#"{"v":null}"#,
            r#"{"v":""}"#,
            r#"{"v":" "}"#,
            r#"{"v":{"a":1}}"#,
            "{}",
        ] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
