//! Exact decimal text: the little that amounts, quantities and rates need of it.

/// Largest number of digits after the point that any input may have.
const SCALE_MAX: u32 = 18;

/// Mantissa and scale of plain or exponent notation as JSON writes it; `None` for anything else or anything huge.
pub(crate) fn parse(text: &str) -> Option<(i128, u32)> {
    if text.len() > 48 {
        return None;
    }
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().count() == 0 || !digits().all(|b| b.is_ascii_digit()) || digits().count() > 30 {
        return None;
    }
    let mut mantissa = digits().fold(0_i128, |sum, b| sum * 10 + i128::from(b - b'0'));
    if mantissa == 0 {
        // Any power of ten of it is zero. Of anything else the loops below end after a few steps; of zero they would go
        // through the whole exponent, seconds for ten bytes.
        return Some((0, 0));
    }
    let mut scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    while scale < 0 {
        mantissa = mantissa.checked_mul(10)?;
        scale += 1;
    }
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    let scale = u32::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX)?;
    Some((if negative { -mantissa } else { mantissa }, scale))
}

/// The mantissa at another scale; `None` where that would drop a digit that is not zero.
pub(crate) fn rescale_exact(mantissa: i128, from: u32, to: u32) -> Option<i128> {
    if to >= from {
        mantissa.checked_mul(10_i128.checked_pow(to - from)?)
    } else {
        let by = 10_i128.checked_pow(from - to)?;
        (mantissa % by == 0).then_some(mantissa / by)
    }
}

/// Plain text with exactly `scale` digits after the point.
pub(crate) fn format(mantissa: i128, scale: u32) -> String {
    let sign = if mantissa < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", mantissa.unsigned_abs(), width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// Found by fuzzing: `000e+001500000150` was multiplied by ten a billion times. This test would last minutes.
    #[test]
    fn zero_with_an_absurd_exponent_is_zero_at_once() {
        for text in ["000e+001500000150", "0e2147483647", "-0.000e-2147483647", "0.0e9"] {
            assert_eq!(parse(text), Some((0, 0)), "{text}");
        }
    }

    #[test]
    fn anything_else_with_an_absurd_exponent_is_nothing() {
        for text in ["1e2147483647", "1e-2147483647", "123e40", "0.5e-19"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("120e-1"), Some((12, 0)));
    }
}
