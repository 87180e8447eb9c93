//! A list as a Parquet file, for those who load it into a warehouse: columns with types of their own, which do not depend on
//! what a list happens to hold. Money is a decimal of four places, which holds every currency's minor units exactly.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use serde::Serialize;
use serde_json::Value;

use super::answer::{Day, Exception, LedgerLine};

/// Places of a decimal.
const SCALE: i32 = 4;
/// Digits of a decimal: what 64 bits hold.
const PRECISION: i32 = 18;

/// What a column holds. Any cell may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Whole,
    Flag,
    /// A decimal text.
    Money,
    /// `2026-11-14`.
    Date,
    /// RFC 3339 in UTC.
    Moment,
}

/// A row's columns: its fields in their order.
pub(super) trait Columns: Serialize {
    const COLUMNS: &'static [(&'static str, Kind)];
}

impl Columns for Day {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("tenant", Kind::Text),
        ("store", Kind::Text),
        ("name", Kind::Text),
        ("day", Kind::Date),
        ("state", Kind::Text),
        ("blocked_by", Kind::Text),
        ("currency", Kind::Text),
        ("tickets", Kind::Whole),
        ("net", Kind::Money),
        ("tax", Kind::Money),
        ("tendered", Kind::Money),
        ("over_short", Kind::Money),
        ("revisions", Kind::Whole),
        ("moves", Kind::Text),
    ];
}

impl Columns for LedgerLine {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("account", Kind::Text),
        ("label", Kind::Text),
        ("debit", Kind::Money),
        ("credit", Kind::Money),
        ("records", Kind::Whole),
    ];
}

impl Columns for Exception {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::Whole),
        ("kind", Kind::Text),
        ("place", Kind::Text),
        ("title", Kind::Text),
        ("detail", Kind::Text),
        ("owner", Kind::Text),
        ("at_risk", Kind::Money),
        ("currency", Kind::Text),
        ("since", Kind::Moment),
        ("waits_for_signature", Kind::Flag),
        ("resolved", Kind::Moment),
        ("resolved_by", Kind::Text),
        ("resolution", Kind::Text),
    ];
}

/// The answer with a file.
pub(super) fn table<T: Columns>(name: &str, rows: &[T]) -> Result<Response, Response> {
    let bytes = bytes(rows)
        .map_err(|error| super::problem(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")))?;
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.apache.parquet".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"tillwire-{name}.parquet\""),
        ),
    ];
    Ok((headers, bytes).into_response())
}

fn bytes<T: Columns>(rows: &[T]) -> Result<Vec<u8>> {
    let rows: Vec<Value> = rows.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    let fields = T::COLUMNS
        .iter()
        .map(|(name, kind)| field(name, *kind).map(Arc::new));
    let schema = Type::group_type_builder("row")
        .with_fields(fields.collect::<Result<_>>()?)
        .build()?;
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default())?;
    let mut group = file.next_row_group()?;
    for (name, kind) in T::COLUMNS {
        let cells = rows
            .iter()
            .map(|row| row.get(name).filter(|cell| !cell.is_null()));
        column(&mut group, *kind, cells).with_context(|| format!("column {name}"))?;
    }
    group.close()?;
    Ok(file.into_inner()?)
}

fn field(name: &str, kind: Kind) -> Result<Type> {
    let (physical, logical) = match kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Whole => (Physical::INT64, None),
        Kind::Flag => (Physical::BOOLEAN, None),
        Kind::Money => (Physical::INT64, Some(LogicalType::decimal(SCALE, PRECISION))),
        Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
        Kind::Moment => (
            Physical::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
        ),
    };
    let mut field = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    if kind == Kind::Money {
        field = field.with_precision(PRECISION).with_scale(SCALE);
    }
    Ok(field.build()?)
}

fn column<'a>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    kind: Kind,
    cells: impl Iterator<Item = Option<&'a Value>>,
) -> Result<()> {
    let text = |cell: &Value| cell.as_str().map(str::to_owned).context("found no text");
    match kind {
        Kind::Text => {
            write::<ByteArrayType>(group, cells, |cell| Ok(ByteArray::from(text(cell)?.into_bytes())))
        }
        Kind::Whole => write::<Int64Type>(group, cells, |cell| {
            cell.as_i64().context("found no whole number")
        }),
        Kind::Flag => write::<BoolType>(group, cells, |cell| {
            cell.as_bool().context("found neither true nor false")
        }),
        Kind::Money => write::<Int64Type>(group, cells, |cell| scaled(&text(cell)?)),
        Kind::Date => write::<Int32Type>(group, cells, |cell| {
            let day: tillwire_proto::BusinessDay = text(cell)?.parse()?;
            Ok(day.days_since_epoch())
        }),
        Kind::Moment => write::<Int64Type>(group, cells, |cell| {
            Ok(text(cell)?.parse::<jiff::Timestamp>()?.as_millisecond())
        }),
    }
}

fn write<'a, D: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    cells: impl Iterator<Item = Option<&'a Value>>,
    read: impl Fn(&Value) -> Result<D::T>,
) -> Result<()> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        if let Some(cell) = cell {
            values.push(read(cell)?);
        }
    }
    let mut column = group.next_column()?.context("a column too many")?;
    column.typed::<D>().write_batch(&values, Some(&levels), None)?;
    Ok(column.close()?)
}

/// A decimal text in ten-thousandths, exact.
fn scaled(text: &str) -> Result<i64> {
    let wanted = || format!("found {text:?}, wanted a decimal of at most {SCALE} places");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    anyhow::ensure!(
        !whole.is_empty() && all(whole) && all(part) && part.len() <= 4,
        wanted()
    );
    let number: i64 = format!("{whole}{part:0<4}").parse().with_context(wanted)?;
    Ok(sign * number)
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: String,
        count: u32,
        net: Option<String>,
        day: String,
        since: String,
        waits: bool,
    }

    impl Columns for Row {
        const COLUMNS: &'static [(&'static str, Kind)] = &[
            ("name", Kind::Text),
            ("count", Kind::Whole),
            ("net", Kind::Money),
            ("day", Kind::Date),
            ("since", Kind::Moment),
            ("waits", Kind::Flag),
        ];
    }

    fn row(net: Option<&str>) -> Row {
        Row {
            name: "Maple & Main, ünd=1".to_owned(),
            count: 3,
            net: net.map(str::to_owned),
            day: "2026-11-14".to_owned(),
            since: "2026-11-14T16:32:17.5Z".to_owned(),
            waits: true,
        }
    }

    #[test]
    fn file_is_read_back_with_types_and_to_the_cent() {
        let bytes = bytes(&[row(Some("-1234567.89")), row(None), row(Some("5"))]).unwrap();
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let read: Vec<Vec<(String, Field)>> = file
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().into_columns())
            .collect();
        let texts: Vec<String> = read[0]
            .iter()
            .map(|(name, field)| format!("{name} {field}"))
            .collect();
        assert_eq!(
            texts,
            [
                "name \"Maple & Main, ünd=1\"",
                "count 3",
                "net -1234567.8900",
                "day 2026-11-14",
                "since 2026-11-14 16:32:17.500 +00:00",
                "waits true"
            ]
        );
        assert_eq!(read[1][2].1, Field::Null);
        assert_eq!(read[2][2].1.to_string(), "5.0000");
    }

    #[test]
    fn empty_list_has_its_columns_all_the_same() {
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes::<Row>(&[]).unwrap())).unwrap();
        let schema = file.metadata().file_metadata().schema();
        assert_eq!(
            (schema.get_fields().len(), schema.get_fields()[2].name()),
            (6, "net")
        );
        assert_eq!(file.metadata().file_metadata().num_rows(), 0);
    }

    #[test]
    fn money_that_does_not_fit_is_refused_and_not_rounded() {
        assert_eq!(scaled("0.5").unwrap(), 5_000);
        assert_eq!(scaled("-0.0001").unwrap(), -1);
        for wrong in ["", ".5", "1.00001", "1e3", "12,5", "--1", "99999999999999999999"] {
            assert!(scaled(wrong).is_err(), "{wrong}");
        }
    }
}
