//! A value of Parquet as JSON text.

use std::fmt::Write as _;

use parquet::data_type::{ByteArray, Decimal};
use parquet::record::{Field, Row};

use crate::dates::{date, time, timestamp};

/// Writes `field` as JSON: a date or a time as a string, what is no number as null, bytes that are
/// no text as a string of hexadecimal digits, a map as an object or, where its keys are no strings,
/// as a list of pairs.
pub(super) fn write_json(field: &Field, out: &mut String) {
    match field {
        Field::Null => out.push_str("null"),
        Field::Bool(value) => write_display(value, out),
        Field::Byte(value) => write_display(value, out),
        Field::Short(value) => write_display(value, out),
        Field::Int(value) => write_display(value, out),
        Field::Long(value) => write_display(value, out),
        Field::UByte(value) => write_display(value, out),
        Field::UShort(value) => write_display(value, out),
        Field::UInt(value) => write_display(value, out),
        Field::ULong(value) => write_display(value, out),
        Field::Float16(value) => write_serialized(&value.to_f32(), out),
        Field::Float(value) => write_serialized(value, out),
        Field::Double(value) => write_serialized(value, out),
        Field::Decimal(value) => write_decimal(value, out),
        Field::Str(value) => write_serialized(value, out),
        Field::Bytes(value) => write_bytes(value, out),
        Field::Date(days) => write_serialized(&date(i64::from(*days)), out),
        Field::TimeMillis(count) => write_serialized(&time(i64::from(*count), 1000), out),
        Field::TimeMicros(count) => write_serialized(&time(*count, 1_000_000), out),
        Field::TimestampMillis(count) => write_serialized(&timestamp(*count, 1000), out),
        Field::TimestampMicros(count) => write_serialized(&timestamp(*count, 1_000_000), out),
        Field::Group(row) => write_row(row, out),
        Field::ListInternal(list) => write_list(list.elements(), out),
        Field::MapInternal(map) => write_map(map.entries(), out),
    }
}

/// Nanoseconds from the start of 1970, which the crate leaves a number.
pub(super) fn write_nanoseconds(field: &Field, out: &mut String) {
    match field {
        Field::Long(count) => write_serialized(&timestamp(*count, 1_000_000_000), out),
        other => write_json(other, out),
    }
}

fn write_display(value: &impl std::fmt::Display, out: &mut String) {
    write!(out, "{value}").expect("a string takes everything");
}

fn write_serialized(value: &impl serde::Serialize, out: &mut String) {
    out.push_str(&serde_json::to_string(value).expect("plain values always serialize"));
}

/// A whole number of up to 128 bits and where its point stands, as a number that keeps its digits.
fn write_decimal(decimal: &Decimal, out: &mut String) {
    let data = decimal.data();
    if data.is_empty() || data.len() > 16 {
        return write_hexadecimal(data, out);
    }
    let sign = if data[0] & 0x80 == 0 { 0 } else { 0xFF };
    let mut bytes = [sign; 16];
    bytes[16 - data.len()..].copy_from_slice(data);
    let unscaled = i128::from_be_bytes(bytes);
    let scale = decimal.scale();
    let digits = unscaled.unsigned_abs().to_string();
    let Some(scale) = usize::try_from(scale).ok().filter(|scale| *scale <= 38) else {
        return write_display(&format_args!("{unscaled}e{}", -i64::from(scale)), out);
    };
    if unscaled < 0 {
        out.push('-');
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.push_str(whole);
    if scale > 0 {
        out.push('.');
        out.push_str(fraction);
    }
}

fn write_bytes(bytes: &ByteArray, out: &mut String) {
    match bytes.as_utf8() {
        Ok(text) => write_serialized(&text, out),
        Err(_) => write_hexadecimal(bytes.data(), out),
    }
}

fn write_hexadecimal(bytes: &[u8], out: &mut String) {
    out.push('"');
    for byte in bytes {
        write!(out, "{byte:02x}").expect("a string takes everything");
    }
    out.push('"');
}

fn write_row(row: &Row, out: &mut String) {
    out.push('{');
    for (i, (name, field)) in row.get_column_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_serialized(name, out);
        out.push(':');
        write_json(field, out);
    }
    out.push('}');
}

fn write_list(elements: &[Field], out: &mut String) {
    out.push('[');
    for (i, element) in elements.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_json(element, out);
    }
    out.push(']');
}

fn write_map(entries: &[(Field, Field)], out: &mut String) {
    let has_names = entries.iter().all(|(key, _)| matches!(key, Field::Str(_)));
    out.push(if has_names { '{' } else { '[' });
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(if has_names { "" } else { "[" });
        write_json(key, out);
        out.push(if has_names { ':' } else { ',' });
        write_json(value, out);
        out.push_str(if has_names { "" } else { "]" });
    }
    out.push(if has_names { '}' } else { ']' });
}

#[cfg(test)]
mod tests {
    use parquet::record::Row;

    use super::*;

    #[test]
    fn values_become_json() {
        let decimal = |unscaled: i64, scale| {
            Field::Decimal(Decimal::from_bytes(
                ByteArray::from(unscaled.to_be_bytes().to_vec()),
                38,
                scale,
            ))
        };
        let cases = [
            (Field::Null, "null"),
            (Field::Bool(true), "true"),
            (Field::Long(-7), "-7"),
            (Field::ULong(u64::MAX), "18446744073709551615"),
            (Field::Float(0.1), "0.1"),
            (Field::Double(1.0), "1.0"),
            (Field::Double(f64::NAN), "null"),
            (Field::Float(f32::INFINITY), "null"),
            (decimal(1250, 2), "12.50"),
            (decimal(-5, 3), "-0.005"),
            (decimal(7, 0), "7"),
            (decimal(7, 99), "7e-99"),
            (decimal(7, -2), "7e2"),
            (Field::Str("a\"é\n".into()), "\"a\\\"é\\n\""),
            (Field::Bytes(ByteArray::from("é")), "\"é\""),
            (Field::Bytes(ByteArray::from(vec![0xFF, 1])), "\"ff01\""),
            (Field::Date(19_782), "\"2024-02-29\""),
            (Field::TimestampMillis(0), "\"1970-01-01T00:00:00\""),
            (Field::TimeMicros(1_500_000), "\"00:00:01.5\""),
            (
                Field::Group(Row::new(vec![
                    ("a\"".into(), Field::Int(1)),
                    ("b".into(), Field::Null),
                ])),
                "{\"a\\\"\":1,\"b\":null}",
            ),
        ];
        for (field, expected) in cases {
            let mut out = String::new();
            write_json(&field, &mut out);
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        write_nanoseconds(&Field::Long(1_500_000_000), &mut out);
        assert_eq!(out, "\"1970-01-01T00:00:01.5\"");
    }

    #[test]
    fn lists_and_maps_become_json() {
        let mut out = String::new();
        write_list(&[Field::Int(1), Field::Null], &mut out);
        write_map(
            &[
                (Field::Str("a".into()), Field::Int(1)),
                (Field::Str("b".into()), Field::Null),
            ],
            &mut out,
        );
        write_map(
            &[
                (Field::Int(1), Field::Str("x".into())),
                (Field::Int(2), Field::Null),
            ],
            &mut out,
        );
        assert_eq!(out, r#"[1,null]{"a":1,"b":null}[[1,"x"],[2,null]]"#);
    }
}
